"""Readers of labels: what a file of each layout says, and no joint that it does not name."""

import base64
import io
import json
import random
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest

from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.io.labels import trial
from fidip.io.labels.deeplabcut import read_dlc, read_dlc_h5
from fidip.io.labels.keypoint_tables import read_points, read_table
from fidip.io.labels.labelled import Joints
from fidip.io.labels.labelme import read_labelme
from fidip.io.labels.sleap import read_sleap_json, read_slp

from .files import (
    NYCU,
    nycu_xy,
    shape,
    write_clip,
    write_labelme,
    write_nycu,
    write_photo,
    write_slp,
    write_xlsx,
)

NOSE, LEFT_EYE, LEFT_HIP = (COCO17.joints.index(n) for n in ("nose", "left_eye", "left_hip"))


def known(person):
    """(x, y, visibility) of the labelled joints, by name."""
    return {
        n: tuple(p) for n, p in zip(COCO17.joints, person.keypoints.tolist(), strict=True) if p[2]
    }


@pytest.mark.parametrize(
    ("name", "joint"),
    [
        *[(n, "right_ear") for n in ("REar", "right_ear", "Ear_R", "R Ear", "earRight", "ear-r")],
        *[(n, None) for n in ("rear", "REAR", "ear", "MP_joint_R", "L_R_ear", "hipé_L", "R_nose")],
        ("LEFT_HIP", "left_hip"),
        ("Nose", "nose"),
    ],
)
def test_a_side_may_be_a_letter_but_a_rear_is_no_ear(name, joint):
    joints = Joints({})
    index = joints(name)
    assert (None if index is None else COCO17.joints[index]) == joint
    assert sum(joints.unknown.values()) == (joint is None)


def test_the_22_points_of_nycu_are_15_joints(tmp_path):
    file = write_nycu(tmp_path, [7]) / "ann" / "007_00000125.json"
    joints = Joints({})
    (person,) = read_labelme(file, joints)
    assert set(known(person)) == set(COCO17.joints) - {"left_ear", "right_ear"}
    x, y = nycu_xy(7)["Wrist_L"]
    assert known(person)["left_wrist"] == (x - 0.5, y - 0.5, 2)  # from the corner to the centre
    left_out = [n for n in NYCU if "Lip" in n or "joint" in n or n == "Head"]
    assert joints.unknown == dict.fromkeys(left_out, 1)


def test_labelme_has_groups_boxes_covered_points_and_paths_of_windows(tmp_path):
    shapes = [
        shape("nose", (10, 20), group=1, occluded=True),
        shape("nose", (60, 70), group=2),
        shape("person", (90, 80), (50, 40), group=2, kind="rectangle"),
        shape("blanket", (1, 1), (2, 2), (3, 9), kind="polygon"),
    ]
    data = base64.b64encode(write_photo(tmp_path / "a.png").read_bytes()).decode()
    file = write_labelme(tmp_path / "x" / "a.json", shapes, "..\\img\\a.png", data=data)
    joints = Joints({})
    first, second, third = read_labelme(file, joints)
    assert (first.name, first.image_wh) == ("img/a.png", (160, 120))
    assert known(first) == {"nose": (9.5, 19.5, 1)}
    assert known(second) == {"nose": (59.5, 69.5, 2)}
    assert second.box_xywh.tolist() == [49.5, 39.5, 40, 40]
    assert not known(third)
    assert joints.unknown == {"blanket": 1}
    assert first.embedded() == (tmp_path / "a.png").read_bytes()


def dlc_table(index, heads=("scorer", "bodyparts", "coords"), groups=(("me",),)):
    columns = pd.MultiIndex.from_tuples(
        [(*g, part, axis) for g in groups for part in ("nose", "LHip", "rear") for axis in "xy"],
        names=heads,
    )
    values = np.arange(2.0 * len(columns)).reshape(2, -1)
    values[1, 2:4] = np.nan
    return pd.DataFrame(values, columns=columns, index=index)


NAMES = [("labeled-data", "a", f"img{n}.png") for n in (1, 2)]


@pytest.mark.parametrize("index", [pd.MultiIndex.from_tuples(NAMES), ["/".join(n) for n in NAMES]])
def test_deeplabcuts_h5_is_read_without_pandas_and_is_its_csv(index, tmp_path):
    table = dlc_table(index)
    table.to_hdf(tmp_path / "c.h5", key="df_with_missing", mode="w")
    table.to_csv(tmp_path / "c.csv")
    counts = Joints({}), Joints({})
    people = read_dlc_h5(tmp_path / "c.h5", counts[0])
    assert [p.name for p in people] == ["labeled-data/a/img1.png", "labeled-data/a/img2.png"]
    assert known(people[0]) == {"nose": (0, 1, 2), "left_hip": (2, 3, 2)}
    assert set(known(people[1])) == {"nose"}
    assert counts[0].unknown == {"rear": 2}
    for ours, theirs in zip(people, read_dlc(tmp_path / "c.csv", counts[1]), strict=True):
        assert known(ours) == known(theirs)


def test_deeplabcut_has_individuals_but_one_scorer(tmp_path):
    heads = ("scorer", "individuals", "bodyparts", "coords")
    index = ["a/1.png", "a/2.png"]
    table = dlc_table(index, heads, [("me", "infant"), ("me", "nurse")])
    table.iloc[0, 6:] = np.nan
    table.to_csv(tmp_path / "c.csv")
    assert [p.name for p in read_dlc(tmp_path / "c.csv", Joints({}))] == [
        "a/1.png",
        *["a/2.png"] * 2,
    ]
    dlc_table(index, groups=[("me",), ("you",)]).to_csv(tmp_path / "two.csv")
    with pytest.raises(DataError, match=r"two.csv: has labels of 2 scorers \(me, you\)"):
        read_dlc(tmp_path / "two.csv", Joints({}))


def test_results_and_old_tables_of_deeplabcut_are_refused(tmp_path):
    dlc_table([0, 1]).to_hdf(tmp_path / "r.h5", key="df_with_missing", mode="w")
    with pytest.raises(DataError, match="names no image; expected labels, not a result file"):
        read_dlc_h5(tmp_path / "r.h5", Joints({}))
    dlc_table(["a/1.png", "a/2.png"]).to_hdf(
        tmp_path / "t.h5", key="df_with_missing", mode="w", format="table"
    )
    with pytest.raises(DataError, match=r"older format .* the CSV file of the same name"):
        read_dlc_h5(tmp_path / "t.h5", Joints({}))


FRAMES = {
    2: [[(10, 20), (30, 40), (5, 5)]],
    4: [[(11, 21), None, None], [(50, 60), (70, 80), None]],
}


def test_sleap_is_read_from_all_of_its_files(tmp_path):
    video = write_clip(tmp_path / "baby.mp4")
    labels = write_slp(tmp_path / "a.slp", video, FRAMES, predicted=[5])
    write_slp(tmp_path / "b.pkg.slp", video, FRAMES, predicted=[5], embed=True)
    (tmp_path / "c.json").write_text(json.dumps(labels.to_dict()))
    read = {"a.slp": read_slp, "b.pkg.slp": read_slp, "c.json": read_sleap_json}
    for name, reader in read.items():
        joints = Joints({})
        people = reader(tmp_path / name, joints)
        assert [(p.name.rpartition("/")[2], p.frame) for p in people] == [
            ("baby.mp4", frame) for frame in (2, 4, 4)
        ]
        assert known(people[0]) == {"nose": (10, 20, 2), "left_eye": (30, 40, 2)}
        assert [set(known(p)) for p in people[1:]] == [{"nose"}, {"nose", "left_eye"}]
        assert joints.unknown == {"tail": 1, "(predicted instances)": 1}
        assert [p.embedded is not None for p in people] == [name == "b.pkg.slp"] * 3


def test_older_sleap_files_count_from_the_corner_and_hide_points(tmp_path):
    write_slp(tmp_path / "a.slp", write_clip(tmp_path / "baby.mp4"), FRAMES)
    with h5py.File(tmp_path / "a.slp", "a") as file:
        file["metadata"].attrs["format_id"] = 1.0
        points = file["points"][()]
        points["visible"][0] = False
        file["points"][()] = points
    first = read_slp(tmp_path / "a.slp", Joints({}))[0]
    assert known(first) == {"left_eye": (29.5, 39.5, 2)}


def test_sleaps_exported_json(tmp_path):
    points = {
        "0": {"x": 9.0, "y": 8.0, "visible": True},
        "1": {"x": 1.0, "y": 2.0, "visible": False},
    }
    people = [
        {"skeleton": "0", "_points": points},
        {"skeleton": 0, "_points": points, "score": 0.9},
    ]
    content = {
        "version": "2.0.0",
        "nodes": [{"name": "tail"}, {"name": "L Hip"}, {"name": "Nose"}],
        "skeletons": [{"graph": {}, "links": [], "nodes": [{"id": 2}, {"id": 1}]}],
        "videos": [{"backend": {"filename": "C:\\lab\\baby.mp4"}}],
        "labels": [{"video": "0", "frame_idx": 3, "_instances": people}],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    (person,) = read_sleap_json(tmp_path / "a.json", Joints({}))
    assert (person.name, person.frame, known(person)) == ("lab/baby.mp4", 3, {"nose": (9, 8, 2)})
    content["labels"][0]["video"] = 1
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"a\.json: frame 3 of video 1: video 1 is missing"):
        read_sleap_json(tmp_path / "a.json", Joints({}))


POINTS = """video,frame,x,y,bp,part_idx,fps,pixel_x,pixel_y
video_000000,0,10.5,20,Nose,0,30,160,120
video_000000,0,30,40,LHip,11,30,160,120
video_000000,0,,,RHip,8,30,160,120
video_000000,0,5,6,Neck,1,30,160,120
video_000000,3.0,0,0,Nose,0,30,160,120
video_000000,3.0,7,8,REye,14,30,160,120
"""


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_with_a_row_per_point(delimiter, tmp_path):
    (tmp_path / "t.csv").write_text(POINTS.replace(",", delimiter))
    joints = Joints({})
    first, second = read_points(tmp_path / "t.csv", joints)
    assert (first.name, first.frame, first.image_wh) == ("video_000000", 0, (160, 120))
    assert known(first) == {"nose": (10.5, 20, 2), "left_hip": (30, 40, 2)}
    assert (second.frame, known(second)) == (3, {"right_eye": (7, 8, 2)})
    assert joints.unknown == {"Neck": 1}


PAIRS = [["image", "right_wrist", "Hip_L"], ["0.png", "11,12", "-1,-1"], ["1.png", "nan", "13, 14"]]
COLUMNS = [["image", "right_wrist_x", "right_wrist_y", "Hip_L x", "Hip_L y"],
           ["0.png", 11, 12, -1, -1], ["1.png", None, None, 13, 14]]  # fmt: skip
MERGED = [["image", "right_wrist", None, "Hip_L"], [None, "x", "y", "x", "y"], *COLUMNS[1:]]


@pytest.mark.parametrize("rows", [PAIRS, COLUMNS, MERGED])
def test_a_table_with_a_row_per_image(rows, tmp_path):
    write_xlsx(tmp_path / "t.xlsx", {"pz1": rows})
    text = "\n".join(";".join("" if c is None else str(c) for c in row) for row in rows)
    (tmp_path / "t.csv").write_text(text)
    for name in ("t.xlsx", "t.csv"):
        first, second = read_table(tmp_path / name, Joints({}))
        assert (first.name, known(first)) == ("t/0.png", {"right_wrist": (11, 12, 2)})
        assert (second.name, known(second)) == ("t/1.png", {"left_hip": (13, 14, 2)})


HANDS = {
    f"{side}_{theirs}": f"{side}_{ours}"
    for side in ("left", "right")
    for theirs, ours in (("hand", "wrist"), ("foot", "ankle"))
}


def test_a_table_of_the_group_that_recorded_babypose(tmp_path):
    """Its columns and names of files; the points are made up."""
    head = (
        "image;head;right_hand;right_elbow;right_shoulder;neck;left_shoulder;left_elbow;left_hand;"
        "right_foot;right_knee;right_hip;left_hip;left_knee;left_foot"
    )
    points = [f"{100 + 10 * number},{200 - number}" for number in range(14)]
    points[1] = "-1,-1"
    (tmp_path / "result_pz3.csv").write_text(f"{head}\n00000_8bit.png;{';'.join(points)}\n")
    joints = Joints(HANDS)
    (person,) = read_table(tmp_path / "result_pz3.csv", joints)
    assert person.name == "pz3/00000_8bit.png"
    assert joints.unknown == {"head": 1, "neck": 1}
    found = known(person)
    assert set(found) == set(COCO17.joints[5:]) - {"right_wrist"}
    assert found["left_wrist"] == (170, 193, 2)
    assert found["left_ankle"] == (230, 187, 2)


def test_sheets_and_frames_of_a_workbook(tmp_path):
    rows = [["frame", "nose"], [7, "11,12"]]
    write_xlsx(tmp_path / "t.xlsx", {"pz1": rows, "pz2": rows})
    people = read_table(tmp_path / "t.xlsx", Joints({}))
    assert [(p.name, p.frame) for p in people] == [("pz1", 7), ("pz2", 7)]


def test_a_workbook_cannot_declare_entities(tmp_path):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    write_xlsx(tmp_path / "t.xlsx", {"pz1": PAIRS}, head=bomb)
    with pytest.raises(DataError, match=r"t.xlsx: xl/worksheets/s0.xml declares a document type"):
        read_table(tmp_path / "t.xlsx", Joints({}))


def test_hdf5_cannot_refer_to_other_files(tmp_path):
    write_slp(tmp_path / "a.slp", write_clip(tmp_path / "baby.mp4"), FRAMES)
    with h5py.File(tmp_path / "a.slp", "a") as file:
        points = file["points"][()]
        with h5py.File(tmp_path / "b.h5", "w") as other:
            other["points"] = points
        del file["points"]
        file["points"] = h5py.ExternalLink("b.h5", "points")
    with pytest.raises(DataError, match=r"a\.slp: points is stored in another file"):
        read_slp(tmp_path / "a.slp", Joints({}))


@pytest.mark.parametrize(
    ("reader", "name", "content", "words"),
    [
        (read_labelme, "a.json", {"shapes": []}, "imagePath is missing"),
        (
            read_labelme,
            "a.json",
            {"shapes": [shape("nose")], "imagePath": "a"},
            "nose has 0 points",
        ),
        (read_labelme, "a.json", {"shapes": 5, "imagePath": "a.png"}, "shapes is 5"),
        (read_labelme, "a.json", {"shapes": [], "imagePath": "a" * 300}, "at most 255 bytes"),
        (
            read_labelme,
            "a.json",
            {"shapes": [shape("nose", (1, 1)), shape("Nose", (2, 2))], "imagePath": "a"},
            "Nose is there twice",
        ),
        (read_sleap_json, "a.json", {"skeletons": []}, "expected SLEAP's JSON export"),
        (read_sleap_json, "a.json", {"skeletons": [{}], "labels": []}, "a skeleton has no nodes"),
        (read_table, "a.csv", "image;nose\n1.png;1,2\n1.png;3,4\n", "1.png has two rows"),
        (read_table, "a.csv", "image;nose\n1.png;1,2\n2.png;ten\n", "nose is 'ten', expected x,y"),
        (read_table, "a.csv", "image,nose_x,nose_y\n1.png,1e400,2\n", "nose x is '1e400'"),
        (read_points, "a.csv", "video,frame,bp,x,y\nv,one,nose,1,2\n", "frame is 'one'"),
        (
            read_points,
            "a.csv",
            "video,frame,bp,x,y\nv,1,nose,1,2\nv,1,Nose,1,2\n",
            "frame 1 of v: Nose is there twice",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_position(reader, name, content, words, tmp_path):
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as caught:
        reader(tmp_path / name, Joints({}))
    assert str(caught.value).startswith(str(tmp_path / name))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def broken(data, rng):
    """The content cut short, or with other bytes."""
    if rng.random() < 0.2:
        return data[: rng.randrange(len(data))]
    changed = bytearray(data)
    for _ in range(rng.choice([1, 4, 40])):
        changed[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(changed)


def lines_about(reader, name, versions):
    """What the reader says about versions of a file: a line, or nothing where it makes sense."""
    lines = []
    for version in versions:
        name.write_bytes(version)
        try:
            reader(name, Joints({}))
        except DataError as error:
            lines.append(str(error))
    assert all(str(name) in line and "\n" not in line for line in lines)
    return lines


def test_damaged_workbooks_are_one_line(tmp_path):
    name, rng = write_xlsx(tmp_path / "a.xlsx", {"pz1": COLUMNS}), random.Random(0)
    whole, part = name.read_bytes(), "xl/worksheets/s0.xml"
    with zipfile.ZipFile(name) as archive:
        parts = {each: archive.read(each) for each in archive.namelist()}

    def damaged_inside():
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for each, data in parts.items():
                archive.writestr(each, broken(data, rng) if each == part else data)
        return content.getvalue()

    assert len(lines_about(read_table, name, [broken(whole, rng) for _ in range(60)])) > 30
    assert len(lines_about(read_table, name, [damaged_inside() for _ in range(60)])) > 30


@pytest.mark.parametrize("kind", ["slp", "h5"])
def test_hdf5_files_that_are_cut_short_are_one_line(kind, tmp_path):
    name = tmp_path / f"a.{kind}"
    if kind == "slp":
        write_slp(name, write_clip(tmp_path / "baby.mp4"), FRAMES)
    else:
        dlc_table(["a/1.png", "a/2.png"]).to_hdf(name, key="df_with_missing", mode="w")
    whole = name.read_bytes()
    versions = [whole[: len(whole) * n // 12] for n in range(12)]
    reader = read_slp if kind == "slp" else read_dlc_h5
    assert len(lines_about(reader, name, versions)) == 12


def test_a_crash_of_the_hdf5_library_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "crash.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(trial, "MODULE", "crash")
    with pytest.raises(DataError, match=r"a\.slp: is damaged \(the HDF5 library crashes\)"):
        trial.require_readable(tmp_path / "a.slp")
