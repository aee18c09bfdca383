"""``fidip labels``: what was labelled elsewhere is found again by the loader that trains."""

import json
from typing import get_args
from urllib.parse import unquote
from xml.etree import ElementTree

import cv2
import numpy as np
import pandas as pd
import pytest

from fidip.cli.commands import LabelFormat
from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.data import read_annotations
from fidip.data.annotations import read_preannotations
from fidip.data.label_formats import LABEL_FORMATS
from fidip.data.video_labels import read_video_labels
from fidip.data.video_split import split_by_subject
from fidip.io.labels.cvat import read_cvat
from fidip.io.labels.labelled import Joints
from fidip.io.video import Video
from tests.conftest import run_command
from tests.data.made_clips import write_made_clips
from tests.fuzz.stage import write_video
from tests.io.labels.files import (
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


def test_coco_keeps_subjects_videos_and_areas(cli, tmp_path):
    made = write_made_clips(tmp_path / "made", {"train": 2}, frames=2)
    source = made / "annotations" / "person_keypoints_train.json"
    given = json.loads(source.read_text())
    for image in given["images"]:
        known = {"time": image["id"] / 25, "subject": f"s{image['video_id']}", "kind": "kicks"}
        image |= {**known, "is_synthetic": True}
    for number, person in enumerate(given["annotations"]):
        person |= {"area": 300.0 + number, "covered": number == 1}
    given["videos"][1]["subject"] = "s2"
    source.write_text(json.dumps(given))
    cli(
        "labels", f"source={source}", f"images={made / 'videos' / 'train'}", f"out={tmp_path / 'a'}"
    )
    written = json.loads((tmp_path / "a" / "annotations" / source.name).read_text())
    assert written["videos"] == given["videos"]
    for ours, theirs in zip(written["images"], given["images"], strict=True):
        assert ours == {**theirs, "file_name": ours["file_name"]}
        assert ours["file_name"].endswith(f"_{theirs['frame_index']:06d}.png")
    for ours, theirs in zip(written["annotations"], given["annotations"], strict=True):
        assert (ours["area"], ours["covered"]) == (theirs["area"], theirs["covered"])
    assert [image.video for image in people_of(tmp_path / "a").images[::2]] == [
        "clip0001.mp4", "clip0002.mp4"
    ]  # fmt: skip
    assert {person.clip_kind for person in people_of(tmp_path / "a")} == {"kicks"}
    file = tmp_path / "a" / "annotations" / source.name
    cli("labels", f"source={file}", f"out={tmp_path / 'b'}", "is_synthetic=false")
    again = json.loads((tmp_path / "b" / "annotations" / source.name).read_text())
    assert again == {
        **written, "images": [{**each, "is_synthetic": False} for each in written["images"]]
    }  # fmt: skip


def test_coco_of_several_categories(tiny_copy, cli, tmp_path):
    """Records of other categories have no id, or that of a person."""
    source = tiny_copy / "annotations" / "person_keypoints_validate_infant.json"
    given = json.loads(source.read_text())
    number = given["annotations"][0]["id"]
    other = {"image_id": given["images"][0]["id"], "category_id": 3}
    given["annotations"] += [other, {**other, "id": number, "covered": True}]
    source.write_text(json.dumps(given))
    cli("labels", f"source={source}", f"out={tmp_path / 'out'}")
    people = people_of(tmp_path / "out")
    assert len(people) == len(given["annotations"]) - 2
    assert {person.is_covered for person in people} == {None}


def test_names_can_be_given(cli, tmp_path):
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


@pytest.mark.parametrize("argument", ["source=~", "source=-1", "images=-1"])
def test_a_missing_input_is_named_by_its_key(argument, monkeypatch, tmp_path, cli):
    monkeypatch.chdir(tmp_path)
    given = ["source=labels.json"] * (not argument.startswith("source"))
    (tmp_path / "labels.json").write_text("[]")
    ended = cli("labels", *given, argument, f"out={tmp_path / 'data'}", status=2)
    (line,) = ended.err.splitlines()
    kind = "file that exists, or of a folder" if argument[0] == "s" else "folder that exists"
    assert line == f"error: {argument}: expected the name of a {kind}"


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


def coco_of(folder):
    """Three images: two people, one of them with an occluded and an absent joint; one predicted
    person; no person."""
    rng = np.random.default_rng(3)
    joints = np.concatenate([rng.uniform(5, 90, (3, 17, 2)), np.full((3, 17, 1), 2.0)], axis=-1)
    joints[0, 3] = 0
    joints[0, 9, 2] = 1
    names = ["sub/a.png", "sub/ü & b.png", "c.png"]
    for name in names:
        image(folder / name)
    people = [
        {"id": n + 1, "image_id": image_id, "category_id": 1, "bbox": [4, 3, 91.25, 92], "area": 99,
         "iscrowd": 0, "keypoints": joints[n].ravel().tolist(), **more}
        for n, (image_id, more) in enumerate([(1, {}), (1, {}), (2, {"is_predicted": True})])
    ]  # fmt: skip
    images = [
        {"id": n, "file_name": name, "width": WH[0], "height": WH[1]}
        for n, name in enumerate(names, start=1)
    ]
    file = folder / "labels.json"
    file.write_text(json.dumps({"images": images, "annotations": people}))
    return file, joints


def saved_in_label_studio(out, which=(1,)):
    """The export of Label Studio after the predictions of some tasks were submitted."""
    tasks = json.loads((out / "tasks.json").read_text())
    for number, made in enumerate(tasks, start=1):
        for each in made.get("annotations", []):
            each["completed_by"] = 1
        if "predictions" in made and number in which:
            made["annotations"] = [{**made["predictions"][0], "completed_by": {"id": 1}}]
    (out / "export.json").write_text(json.dumps(tasks))
    return out / "export.json"


def saved_in_cvat(out, which=(1,)):
    """The export of CVAT, with two decimals, after people of some images were ticked."""
    tree = ElementTree.parse(out / "annotations.xml")
    for number, element in enumerate(tree.iter("image"), start=1):
        for point in element.iter("points"):
            point.set("points", ",".join(f"{float(x):.2f}" for x in point.get("points").split(",")))
        for attribute in element.iter("attribute"):
            attribute.text = "true" if number in which else attribute.text
    tree.write(out / "export.xml")
    return out / "export.xml"


PROGRAMS = {"label-studio": saved_in_label_studio, "cvat": saved_in_cvat}


@pytest.mark.parametrize("program", PROGRAMS)
def test_labels_come_back_from_other_programs(program, cli, tmp_path):
    source, joints = coco_of(tmp_path / "photos")
    out = tmp_path / "export"
    printed = cli("labels", f"source={source}", f"out={out}", f"to={program}").out
    assert f"{out}: 3 images, 3 people, 1 of them predicted" in printed
    unseen, seen = tmp_path / "unseen", tmp_path / "seen"
    printed = cli("labels", f"source={PROGRAMS[program](out, ())}", f"out={unseen}").out
    assert "left out: 1 predicted people that were not confirmed" in printed
    assert len(people_of(unseen)) == 2
    cli("labels", f"source={PROGRAMS[program](out, (2,))}", f"out={seen}")
    people = people_of(seen)
    assert [person.image_path.name for person in people] == ["a.png", "a.png", "ü & b.png"]
    for person, expected in zip(people, joints, strict=True):
        np.testing.assert_allclose(person.keypoints, expected, atol=0.01)
    np.testing.assert_allclose(people[0].box_xywh, [4, 3, 91.25, 92], atol=0.01)


SMALL_NET = (
    *("ckpt=bundled:movenet-lightning", "experiment=finetune_demo", "runtime=torch", "lost=0"),
    *("codec.input_wh=[64,64]", "codec.heatmap_wh=[16,16]"),
)
FILMED = {"anna/day 1.mp4": "anna", "anna/day 2.mp4": "anna", "ben/day 1.mp4": "ben"}
"""Subjects of videos, as their folders tell them."""


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """The label file of ``fidip frames`` for three videos, whose subjects are called 1 and 2."""
    root = tmp_path_factory.mktemp("frames")
    for name in FILMED:
        (root / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(root / "videos" / name, 8, (96, 80))
    given = (f"source={root / 'videos'}", f"out={root / 'out'}", r"subject='day (\d)'", "rate=10")
    assert run_command("frames", *SMALL_NET, *given, "count=16", "choice=uniform") == 0
    return root / "out" / "pre_annotations.json"


@pytest.mark.parametrize("program", PROGRAMS)
def test_videos_and_subjects_of_frames_come_back(program, cli, frames, tmp_path):
    out, data = tmp_path / "export", tmp_path / "data"
    cli("labels", f"source={frames}", f"out={out}", f"to={program}")
    saved = PROGRAMS[program](out, range(1, 17))
    saved = saved.rename(tmp_path / saved.name)  # downloaded to another folder
    cli("labels", f"source={saved}", f"images={out / 'images'}", f"out={data}")

    labels = read_video_labels(data, FILMED, None)
    assert list(labels.subjects.values()) == ["1", "2", "1"]
    split = split_by_subject(labels.frames, labels.subjects, ["1"], 0)
    assert split.test_videos == {"anna/day 1.mp4", "ben/day 1.mp4"}
    given = {(i.video, i.frame) for i in read_preannotations(frames, frames.parent).people.images}
    assert {(image.video, image.frame) for image in labels.people.images} == given


def test_an_image_that_is_no_frame_has_no_video(cli, frames, tmp_path):
    image(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(json.dumps([task("a.png", ("nose", 10, 10))]))
    (tmp_path / "pre_annotations.json").write_text(frames.read_text())
    cli("labels", f"source={tmp_path / 'a.json'}", f"out={tmp_path / 'data'}")
    (found,) = people_of(tmp_path / "data").images
    assert found.video is None
    broken = {"images": [{"id": 1}]}
    (tmp_path / "pre_annotations.json").write_text(json.dumps(broken))
    ended = cli("labels", f"source={tmp_path / 'a.json'}", f"out={tmp_path / 'b'}", status=2)
    (line,) = ended.errors
    assert "pre_annotations.json: image 1: " in line
    assert not (tmp_path / "b").exists()


def test_moved_points_are_labels_in_cvat(cli, tmp_path):
    source, _ = coco_of(tmp_path / "photos")
    cli("labels", f"source={source}", f"out={tmp_path / 'export'}", "to=cvat")
    file = tmp_path / "export" / "annotations.xml"
    file.write_text(file.read_text().replace('source="auto"', 'source="semi-auto"'))
    cli("labels", f"source={file}", f"out={tmp_path / 'data'}")
    assert len(people_of(tmp_path / "data")) == 3


def test_files_of_other_programs_are_theirs(cli, tmp_path):
    """The labels agree with the annotations, as the programs check at the import."""
    source, _ = coco_of(tmp_path / "photos")
    for program in PROGRAMS:
        cli("labels", f"source={source}", f"out={tmp_path / program}", f"to={program}")
    config = ElementTree.parse(tmp_path / "label-studio" / "config.xml").getroot()
    controls = {each.get("name"): each.get("toName") for each in config}
    words = {each.get("value") for each in config.iter() if each.get("value")}
    for made in json.loads((tmp_path / "label-studio" / "tasks.json").read_text()):
        name = unquote(made["data"]["image"].removeprefix("/data/local-files/?d="))
        assert (tmp_path / "label-studio" / name).is_file()
        for kind in ("annotations", "predictions"):
            for region in made.get(kind, [{"result": []}])[0]["result"]:
                assert controls[region["from_name"]] == region["to_name"]
                assert set(region["value"][region["type"]]) <= words
    person, box = json.loads((tmp_path / "cvat" / "labels.json").read_text())
    drawn = ElementTree.fromstring(f"<svg>{person['svg']}</svg>")
    nodes = {int(node.get("data-node-id")): node.get("data-label-name") for node in drawn[19:]}
    assert nodes == {each["id"]: each["name"] for each in person["sublabels"]}
    assert list(nodes.values()) == list(COCO17.joints)
    root = ElementTree.parse(tmp_path / "cvat" / "annotations.xml").getroot()
    assert {each.get("label") for each in root.iter("skeleton")} == {person["name"]}
    assert {each.get("label") for each in root.iter("box")} == {box["name"]}
    assert {each.get("label") for each in root.iter("points")} == set(nodes.values())


def two(name, *annotators):
    """A task that several people have labelled."""
    made = task(name, ("nose", 50, 50))
    made["annotations"] = [{**made["annotations"][0], "completed_by": by} for by in annotators]
    return made


def test_one_of_two_annotators_is_chosen(cli, tmp_path):
    image(tmp_path / "a.png")
    by = two("a.png", 7, {"id": 9, "email": "b@x.org"})
    by["annotations"][1] = {
        **by["annotations"][1],
        **task("a.png", ("nose", 25, 50))["annotations"][0],
    }
    (tmp_path / "a.json").write_text(json.dumps([by]))
    for annotator, x in (("7", 99.5), ("b@x.org", 49.5)):
        out = tmp_path / annotator
        cli("labels", f"source={tmp_path / 'a.json'}", f"out={out}", f"annotator={annotator}")
        assert people_of(out)[0].keypoints[0, 0] == x


def parented(*parents):
    """A task with two rectangles, and a nose for each of the parents."""
    made = task("a.png", *[("nose", 50, 50)] * len(parents), box=(0, 0, 50, 50))
    *noses, box = made["annotations"][0]["result"]
    for nose, parent in zip(noses, parents, strict=True):
        nose["parentID"] = parent
    made["annotations"][0]["result"] = [*noses, {**box, "id": "p"}, {**box, "id": "q"}]
    return made


def cvat(*images):
    return f"<annotations><version>1.1</version>{''.join(images)}</annotations>"


def skeleton(*points, name="a.png", width=WH[0], more=""):
    inside = "".join(f'<points label="{label}" points="{xy}"/>' for label, xy in points)
    return (
        f'<image id="0" name="{name}" width="{width}" height="{WH[1]}">'
        f'<skeleton label="person">{inside}{more}</skeleton></image>'
    )


LABEL_MISTAKES = [
    ([two("a.png", 7, 9)], "2 annotators have labelled it (7, 9), expected one; choose one with"),
    ([two("a.png", 7, 7)], "has 2 annotations of one annotator, expected one"),
    ([task("a.png", ("nose", 1, 1))] * 2, "are in several tasks (the first: /data/upload/1/a.png)"),
    ([parented(None)], "nose belongs to none of 2 people"),
    ([parented("p", "p")], "nose is there twice"),
    ([{**task("a.png"), "predictions": parented("p", "q")["annotations"], "annotations": []}],
     "all 2 people are predictions; expected labels that a person has confirmed"),
    ([task("b.png", ("nose", 1, 1)), task("0a1b2c3d-b.png", ("nose", 1, 1))],
     "b.png and /data/upload/1/0a1b2c3d-b.png are both found as"),
    (cvat(skeleton(("nose", "1,1")), skeleton(("nose", "1,1"))), "1 images are in several images"),
    (cvat(skeleton(("nose", "1,1"), width=100)), "was labelled on 100x100 px, but"),
    (cvat(skeleton(("nose", "1;1"))), "nose x is '1;1', expected a number"),
    (cvat(skeleton(("nose", "nan,1"))), "nose x is 'nan', expected a number"),
    (cvat(skeleton(("nose", "1,1"), ("Nose", "1,1"))), "Nose is there twice"),
    (cvat(skeleton(("snout", "1,1"))), "names that are none: snout"),
    (cvat(skeleton(("nose", "1,1"), name="../a.png")), "a path inside the folder"),
    (cvat(skeleton(("nose", "1,1"), name="gone.png")), "1 of 1 images are missing"),
    (cvat(skeleton(("nose", "1,1"), more='<attribute name="checked">false</attribute>')),
     "all 1 people are predictions"),
    (cvat('<image name="a.png" width="200" height="100"><points label="nose"/></image>'),
     "has single points, expected skeletons"),
    ("<annotations><track/></annotations>", "expected the format CVAT for images 1.1"),
    ("<annotations>", "not valid XML"),
    ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "it has a document type (a)"),
    ('<?xml version="1.0" encoding="x"?><annotations/>', "not valid XML"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), LABEL_MISTAKES)
def test_mistakes_of_other_programs_are_one_line(content, words, cli, tmp_path):
    for name in ("a.png", "b.png"):
        image(tmp_path / name)
    is_xml = isinstance(content, str)
    file = tmp_path / ("a.xml" if is_xml else "a.json")
    file.write_text(content if is_xml else json.dumps(content))
    ended = cli("labels", f"source={file}", f"out={tmp_path / 'data'}", status=2)
    (line,) = ended.err.strip().splitlines()
    assert f"{file}: " in line
    assert words in line
    assert not (tmp_path / "data").exists()


def test_an_annotator_is_for_label_studio_and_files_are_not_replaced(cli, tmp_path):
    source, _ = coco_of(tmp_path / "photos")
    out = tmp_path / "export"
    arguments = [f"source={source}", f"out={out}", "to=cvat"]
    assert "does not name annotators" in cli("labels", *arguments, "annotator=1", status=2).err
    cli("labels", *arguments)
    assert "labels.json exists" in cli("labels", *arguments, status=2).err


def test_every_format_can_be_chosen():
    assert get_args(LabelFormat) == tuple(LABEL_FORMATS)


def test_bad_files_of_a_labelme_folder_are_skipped(cli, tmp_path):
    """NYCU's layout, with a broken file, one of another skeleton, and one of another image."""
    split = write_nycu(tmp_path / "Train", range(3))
    (split / "ann" / "001_00000125.json").write_text("{")
    paws = [shape("paw", (1, 2))]
    write_labelme(split / "ann" / "dog.json", paws, "000_00000125.jpg")
    write_labelme(split / "ann" / "lost.json", [shape("Nose", (9, 9))], "000_0000125.jpg")
    other = [shape("Nose", (500, 9))]
    write_labelme(split / "ann" / "other.json", other, "001_00000125.jpg", wh=(640, 480))
    write_labelme(split / "ann" / "todo.json", [], "001_00000125.jpg")
    out = tmp_path / "data"
    ended = cli("labels", f"source={split}", f"out={out}", status=3)
    lines = ended.out.splitlines()
    failed = [line.removeprefix(f"failed: {split / 'ann'}/") for line in lines if "failed:" in line]
    assert [line.partition(":")[0] for line in failed] == [
        *("001_00000125.json", "dog.json", "lost.json", "other.json")
    ]
    assert "names that are none: paw" in failed[1]
    assert "1 of 1 images are missing (the first: 000_0000125.jpg; similar: 000_" in failed[2]
    assert "was labelled on 640x480 px, but " in failed[3]
    assert "3 of 7 files converted" in lines
    assert "no person has a label of: left_ear, right_ear" in lines
    (left_out,) = (line for line in lines if line.startswith("left out, none of the 17: "))
    names = [n for n in NYCU if "Lip" in n or "joint" in n or n == "Head"]
    assert left_out.partition(": ")[2] == ", ".join(f"{name} (2)" for name in names)
    first, second = people_of(out)
    assert first.keypoints[:, 2].sum() == 2 * 15
    wrist = COCO17.joints.index("left_wrist")
    expected = np.subtract(nycu_xy(2)["Wrist_L"], 0.5)
    np.testing.assert_allclose(second.keypoints[wrist, :2], expected, atol=1e-3)
    cli("check", f"data.root={out}", "splits=[train]")


def test_two_annotators_of_one_image_are_not_mixed(cli, tmp_path):
    source, _ = dlc_project(tmp_path / "project", ["/".join(n) for n in NAMES])
    (source.parent / "CollectedData_you.csv").write_bytes(source.read_bytes())
    ended = cli("labels", f"source={source.parent}", f"out={tmp_path / 'data'}", status=2)
    (line,) = ended.err.splitlines()
    assert (
        "2 people are in images that two files label (the first: labeled-data/a/img01.png" in line
    )
    assert "CollectedData_me.csv" in line
    assert "CollectedData_you.csv" in line
    assert not (tmp_path / "data").exists()


def test_labels_of_two_images_do_not_share_one(cli, tmp_path):
    source, _ = dlc_project(tmp_path / "project", ["/".join(n) for n in NAMES])
    image(tmp_path / "flat" / "img01.png")
    arguments = [f"source={source}", f"images={tmp_path / 'flat'}", f"out={tmp_path / 'data'}"]
    assert "are both found as" in cli("labels", *arguments, status=2).err


def test_frames_of_a_video_are_extracted(cli, tmp_path):
    """The labels of SLEAP name a video; renamed, cut or exchanged, it is missed in one line."""
    clip = write_clip(tmp_path / "baby.mp4")
    write_slp(
        tmp_path / "a.slp", clip, {2: [[(10, 20), (90, 40), None]], 4: [[(11, 21), None, None]]}
    )
    out = tmp_path / "data"
    ended = cli("labels", f"source={tmp_path / 'a.slp'}", f"out={out}")
    first, second = people_of(out)
    assert [p.image_path.name for p in (first, second)] == ["baby_000002.png", "baby_000004.png"]
    np.testing.assert_array_equal(
        cv2.imread(str(second.image_path))[..., ::-1], list(Video(clip))[4].image
    )
    document = json.loads((out / "annotations" / "person_keypoints_train.json").read_text())
    assert [(i["video_id"], i["frame_index"]) for i in document["images"]] == [
        ("baby.mp4", 2),
        ("baby.mp4", 4),
    ]
    clip.rename(tmp_path / "baby1.mp4")
    ended = cli("labels", f"source={tmp_path / 'a.slp'}", f"out={tmp_path / 'b'}", status=2)
    assert "the video " in ended.err
    assert "baby.mp4 of 2 labelled frames is missing" in ended.err
    assert "similar: baby1.mp4" in ended.err
    write_clip(clip, frames=3)
    ended = cli("labels", f"source={tmp_path / 'a.slp'}", f"out={tmp_path / 'b'}", status=2)
    assert "has 3 frames, but frame 4 is labelled" in ended.err
    write_clip(clip, wh=(64, 48))
    ended = cli("labels", f"source={tmp_path / 'a.slp'}", f"out={tmp_path / 'b'}", status=2)
    assert "was labelled on 160x120 px, but " in ended.err
    assert not (tmp_path / "b").exists()


def depth_image(path, depth):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.array(depth, np.uint16))


def test_depth_images_of_a_workbook(cli, tmp_path):
    """BabyPose: images of 16 bits and a sheet; 8 bits only where asked for."""
    depth = np.full((60, 80), 1000)
    depth[0, :4] = [0, 400, 500, 1500]
    for number in (0, 1):
        depth_image(tmp_path / "pz3" / f"{number:05d}_16bit.png", depth)
    rows = [["image", "right_wrist", "right_hand"], ["00000_16bit.png", "11,12", "13,14"]]
    write_xlsx(tmp_path / "pz3.xlsx", {"a": [*rows, ["00001_16bit.png", "-1,-1", "13,14"]]})
    arguments = [f"source={tmp_path / 'pz3.xlsx'}"]
    ended = cli("labels", *arguments, f"out={tmp_path / 'as_is'}")
    assert "images with 16 bits: 1" in ended.out
    assert "right_hand (2)" in ended.out
    (person,) = people_of(tmp_path / "as_is")
    assert person.keypoints[10].tolist() == [11, 12, 2]
    assert cv2.imread(str(person.image_path), cv2.IMREAD_UNCHANGED).dtype == np.uint16
    cli("labels", *arguments, f"out={tmp_path / 'grey'}", "depth=[500,1500]")
    (person,) = people_of(tmp_path / "grey")
    grey = cv2.imread(str(person.image_path), cv2.IMREAD_UNCHANGED)
    assert grey.dtype == np.uint8
    assert grey[0, :5, 0].tolist() == [0, 255, 255, 1, 128]
    image(tmp_path / "pz3" / "00000_16bit.png")
    arguments.append(f"out={tmp_path / 'b'}")
    ended = cli("labels", *arguments, "depth=[500,1500]", status=2)
    assert "expected a depth image with one channel of 16 bits" in ended.err


def test_a_table_of_frames_finds_their_images_by_number(cli, tmp_path):
    for number in (7, 12):
        write_photo(tmp_path / "frames" / "video_000001" / f"f_{number:06d}.jpg", number)
    rows = "\n".join(f"video_000001,{number},RWrist,20,{30 + number}" for number in (12, 7))
    (tmp_path / "t.csv").write_text(f"video,frame,bp,x,y\n{rows}\n")
    out = tmp_path / "data"
    arguments = [f"source={tmp_path / 't.csv'}", f"images={tmp_path / 'frames'}"]
    cli("labels", *arguments, f"out={out}")
    assert [(p.image_path.name, p.keypoints[10, 1]) for p in people_of(out)] == [
        ("f_000012.jpg", 42),
        ("f_000007.jpg", 37),
    ]
    write_photo(tmp_path / "frames" / "video_000001" / "other_7.jpg")
    ended = cli("labels", *arguments, f"out={tmp_path / 'b'}", status=2)
    assert "frame 7 of video_000001 has 2 images, f_000007.jpg and other_7.jpg" in ended.err


ODD = ["", "x", "nan", "inf", "-1e300", "1e13", "0", "-1", "9" * 5000, "../a", "/a", "1,", "1,2,3"]


def problem_in(file):
    """The error of reading a file; empty if it is read, and then all keypoints are finite."""
    try:
        people = read_cvat(file, Joints({}))
    except DataError as error:
        return str(error)
    assert all(np.isfinite(person.keypoints).all() for person in people)
    return ""


def test_odd_values_in_xml_are_problems_of_one_line(tmp_path):
    file = tmp_path / "a.xml"
    box = '<box label="box" xtl="1" ytl="1" xbr="9" ybr="9" group_id="1"/>'
    person = skeleton(("nose", "1,1"), ("left_eye", "2,2"))
    good = cvat(person.replace("</image>", f"{box}</image>"))
    root = ElementTree.fromstring(good)
    for element in root.iter():
        for key in [*element.attrib, "outside", "occluded", "source", "group_id"]:
            before = dict(element.attrib)
            for value in [*ODD, None]:
                element.set(key, value or "")
                if value is None:
                    del element.attrib[key]
                ElementTree.ElementTree(root).write(file, encoding="utf-8")
                problem = problem_in(file)
                assert "\n" not in problem
                assert len(problem) < 1000
            element.attrib.clear()
            element.attrib.update(before)
