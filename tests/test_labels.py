"""``fidip labels``: what was labelled elsewhere is found again by the loader that trains."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from fidip.core.skeleton import COCO17
from fidip.data import read_annotations

WH = (200, 100)
DLC_HEAD = "scorer,me,me\nbodyparts,nose,nose\ncoords,x,y\n"


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((WH[1], WH[0], 3), np.uint8))
    return path


def people_of(out):
    file = out / "annotations" / "person_keypoints_train.json"
    return read_annotations(file, out / "images" / "train").people


def dlc_project(folder, index):
    """Two videos with an image of the same name, written by pandas as DeepLabCut does."""
    xy = np.random.default_rng(0).uniform(20, 80, (2, 3, 2))
    xy[1, 1] = np.nan
    columns = pd.MultiIndex.from_product(
        [["me"], ["Nose", "leftWrist", "tail"], ["x", "y"]], names=["scorer", "bodyparts", "coords"]
    )
    for video in ("a", "b"):
        image(folder / "labeled-data" / video / "img01.png")
    table = pd.DataFrame(xy.reshape(2, 6), columns=columns, index=index)
    table.to_csv(folder / "CollectedData_me.csv")
    return folder / "CollectedData_me.csv", xy


NAMES = [("labeled-data", video, "img01.png") for video in ("a", "b")]


@pytest.mark.parametrize("index", [pd.MultiIndex.from_tuples(NAMES), ["/".join(n) for n in NAMES]])
def test_deeplabcut(index, cli, tmp_path):
    source, xy = dlc_project(tmp_path / "project", index)
    out = tmp_path / "data"
    ended = cli("labels", f"source={source}", f"out={out}")
    assert "left out, none of the 17: tail" in ended.out
    first, second = people_of(out)
    np.testing.assert_allclose(first.keypoints[0], [*xy[0, 0], 2], atol=1e-3)
    np.testing.assert_allclose(first.keypoints[9], [*xy[0, 1], 2], atol=1e-3)
    assert second.keypoints[9].tolist() == [0, 0, 0]
    assert first.keypoints[:, 2].sum() == 4
    assert first.image_path != second.image_path
    assert first.image_wh == WH


def task(name, *points, box=None):
    size = {"original_width": WH[0], "original_height": WH[1]}
    result = [
        {**size, "type": "keypointlabels", "value": {"x": x, "y": y, "keypointlabels": [joint]}}
        for joint, x, y in points
    ]
    if box:
        value = dict(zip(("x", "y", "width", "height"), box, strict=True))
        result.append({**size, "type": "rectanglelabels", "value": value})
    return {
        "id": 1,
        "data": {"image": f"/data/upload/1/{name}"},
        "annotations": [{"result": result}],
    }


def test_label_studio(cli, tmp_path):
    image(tmp_path / "baby.png")
    content = [
        task("0a1b2c3d-baby.png", ("Nose", 50, 50), ("left knee", 25, 10), box=(10, 0, 50, 80))
    ]
    (tmp_path / "export.json").write_text(json.dumps(content))
    out = tmp_path / "data"
    cli("labels", f"source={tmp_path / 'export.json'}", f"out={out}")
    (person,) = people_of(out)
    assert person.keypoints[0].tolist() == [99.5, 49.5, 2]  # the middle, of 200 x 100 pixels
    assert person.keypoints[13].tolist() == [49.5, 9.5, 2]
    assert person.box_xywh.tolist() == [19.5, -0.5, 100, 80]


def test_coco(tiny_root, cli, tmp_path):
    images = tiny_root / "images" / "validate_infant"
    source = tiny_root / "annotations" / "person_keypoints_validate_infant.json"
    cli("labels", f"source={source}", f"images={images}", f"out={tmp_path}")
    for ours, theirs in zip(
        people_of(tmp_path), read_annotations(source, images).people, strict=True
    ):
        np.testing.assert_allclose(ours.keypoints, theirs.keypoints, atol=1e-3)
        np.testing.assert_allclose(ours.box_xywh, theirs.box_xywh, atol=1e-3)
        assert ours.image_path.read_bytes() == theirs.image_path.read_bytes()


def test_names_can_be_told(cli, tmp_path):
    source, xy = dlc_project(tmp_path / "project", ["/".join(n) for n in NAMES])
    out = tmp_path / "data"
    cli("labels", f"source={source}", f"out={out}", "joints={tail: left_hip}")
    hip = COCO17.joints.index("left_hip")
    np.testing.assert_allclose(people_of(out)[0].keypoints[hip, :2], xy[0, 2], atol=1e-3)


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ("frame,x\n1,2\n", "a.csv", "expected rows scorer, bodyparts, coords"),
        (json.dumps([task("gone.png", ("nose", 1, 1))]), "a.json", "1 of 1 images are missing"),
        (
            json.dumps([task("a.png", ("nose", 1, 1), ("nose", 2, 2))]),
            "a.json",
            "nose is there twice",
        ),
        (json.dumps([task("a.png", ("nose", None, 1))]), "a.json", "expected finite numbers"),
        (json.dumps([task("a.png", ("snout", 1, 1))]), "a.json", "names that are none: snout"),
        (
            json.dumps([task("../../../../a.png", ("nose", 1, 1))]),
            "a.json",
            "a path inside the folder",
        ),
        (DLC_HEAD + "a/b.png,1,x\n", "a.csv", "nose y is 'x', expected a number"),
        (DLC_HEAD + "a/b.png,1,inf\n", "a.csv", "nose y is 'inf', expected a number"),
        (DLC_HEAD + "a/b.png,1\n", "a.csv", "has 2 cells, expected 3"),
        (
            "scorer,me,me\nbodyparts,nose,Nose\ncoords,x,x\na/b.png,1,2\n",
            "a.csv",
            "Nose x is there twice",
        ),
        (
            'scorer,me,me\nbodyparts,"a\nb",c\ncoords,x,y\na/b.png,1,2\n',
            "a.csv",
            "that are none: 'a\\nb', c",
        ),
        (DLC_HEAD + "../../b.png,1,2\n", "a.csv", "a path inside the folder"),
        (DLC_HEAD + "/etc/b.png,1,2\n", "a.csv", "a path inside the folder"),
        (DLC_HEAD + "a\0/b.png,1,2\n", "a.csv", ""),
        (DLC_HEAD + '"' + "b" * 200_000 + '",1,2\n', "a.csv", "not CSV"),
        (DLC_HEAD + "b" * 300 + ".png,1,2\n", "a.csv", "names of at most 255 bytes"),
    ],
)
def test_mistakes_are_a_line_and_leave_nothing(content, name, words, cli, tmp_path):
    (tmp_path / name).write_text(content)
    ended = cli("labels", f"source={tmp_path / name}", f"out={tmp_path / 'data'}", status=2)
    lines = ended.err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("argument", ["source=~", "source=-1", "source=.", "images=-1"])
def test_a_missing_input_is_named_by_its_key(argument, monkeypatch, tmp_path, cli):
    monkeypatch.chdir(tmp_path)
    given = ["source=labels.json"] * (not argument.startswith("source"))
    (tmp_path / "labels.json").write_text("[]")
    ended = cli("labels", *given, argument, f"out={tmp_path / 'data'}", status=2)
    (line,) = ended.err.splitlines()
    kind = "file" if argument.startswith("source") else "folder"
    assert line == f"error: {argument}: expected the name of a {kind} that exists"


@pytest.mark.parametrize("split", ["x/../../y", "..", ".", "''", "x/y", "a\nb", "s" * 121])
def test_a_split_does_not_leave_the_folder(split, cli, tmp_path):
    image(tmp_path / "baby.png")
    (tmp_path / "a.json").write_text(json.dumps([task("baby.png", ("nose", 1, 1))]))
    before = sorted(tmp_path.rglob("*"))
    arguments = [f"source={tmp_path / 'a.json'}", f"out={tmp_path / 'data'}", f"split={split}"]
    ended = cli("labels", *arguments, status=2)
    assert "expected a plain name" in ended.err
    assert sorted(tmp_path.rglob("*")) == before


def test_images_of_one_name_are_copied_apart(cli, tmp_path):
    """Of several folders, also where the names differ in case only."""
    names = ["x/a.png", "y/a.png", "y/A.png", "z/b.png"]
    for number, name in enumerate(names):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((WH[1], WH[0], 3), 50 * number, np.uint8))
    content = [task(name, ("nose", 10 + 10 * n, 50)) for n, name in enumerate(names)]
    (tmp_path / "a.json").write_text(json.dumps(content))
    out = tmp_path / "data"
    arguments = [f"source={tmp_path / 'a.json'}", f"images={tmp_path / 'photos'}", f"out={out}"]
    cli("labels", *arguments)
    people = people_of(out)
    assert len({str(person.image_path).casefold() for person in people}) == len(names)
    for number, person in enumerate(people):
        assert cv2.imread(str(person.image_path)).mean() == 50 * number
        assert person.keypoints[0, 0] == pytest.approx(19.5 + 20 * number)


def test_an_image_that_is_there_already_is_not_replaced(cli, tmp_path):
    image(tmp_path / "baby.png")
    (tmp_path / "a.json").write_text(json.dumps([task("baby.png", ("nose", 1, 1))]))
    there = tmp_path / "data" / "images" / "train" / "baby.png"
    there.parent.mkdir(parents=True)
    there.write_text("precious")
    ended = cli("labels", f"source={tmp_path / 'a.json'}", f"out={tmp_path / 'data'}", status=2)
    assert f"{there} exists" in ended.err
    assert there.read_text() == "precious"


@pytest.mark.parametrize("out", ["/dev/null", "a.json/x"])
def test_where_nothing_can_be_written_it_is_one_line(out, monkeypatch, tmp_path, cli):
    monkeypatch.chdir(tmp_path)
    image(tmp_path / "baby.png")
    (tmp_path / "a.json").write_text(json.dumps([task("baby.png", ("nose", 1, 1))]))
    ended = cli("labels", "source=a.json", f"out={out}", status=2)
    assert ended.err.count("\n") == 1
