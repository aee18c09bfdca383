"""``fidip check`` tells everything that is wrong with a data set at once, and what is odd."""

import json
import shutil

import cv2
import numpy as np
import pytest

from fidip.core.skeleton import COCO17
from fidip.data.validation import swapped_parts

TRAIN, TEST = "train_infant", "validate_infant"


def run_check(cli, root, *arguments, status=0):
    """What ``fidip check`` printed, and its report."""
    out = root / "report.json"
    ended = cli("check", f"data.root={root}", f"out={out}", *arguments, status=status)
    return ended, json.loads(out.read_text()) if out.exists() else None


def edit(root, split, change):
    path = root / "annotations" / f"person_keypoints_{split}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def image(root, number, split=TRAIN):
    return root / "images" / split / f"train{number:05d}.jpg"


def cases(report, split=TRAIN):
    """Cases of the findings of a split, and which kinds are refused."""
    findings = report["splits"][split]["findings"]
    return {f["kind"]: f["cases"] for f in findings}, {f["kind"] for f in findings if f["refused"]}


def test_a_good_data_set_is_counted_and_usable(tiny_copy, cli):
    edit(tiny_copy, TRAIN, lambda c: [i.update(posture="Supine") for i in c["images"][:3]])
    ended, report = run_check(cli, tiny_copy)
    out = ended.out
    assert (ended.err, report["usable"]) == ("", True)
    train = report["splits"][TRAIN]
    assert train["images"] == {"real": 4, "synthetic": 8}
    assert (train["people"], train["postures"]) == (12, {"Supine": 3})
    assert train["area_source"] == "segment area"
    assert report["splits"][TEST]["images"] == {"unknown": 5}
    assert not any(split["findings"] for split in report["splits"].values())
    assert report["overlaps"] == []
    assert "usable" in out
    assert "3 Supine" in out


def test_frames_of_videos_are_named_once_and_not_read(tiny_copy, cli):
    shutil.rmtree(tiny_copy / "images" / TEST)

    def to_frames(content):
        content["videos"] = [{"id": 1, "file_name": "a.mp4"}]
        for frame, record in enumerate(content["images"]):
            record.update(video_id=1, frame_index=frame, file_name="a.mp4")

    edit(tiny_copy, TEST, to_frames)
    _, report = run_check(cli, tiny_copy, status=2)
    found, refused = cases(report, TEST)
    assert found == {"videos without image files of their frames": ["a.mp4"]}
    assert refused == set(found)
    assert report["splits"][TEST]["images"] == {"unknown": 5}


def test_areas_of_boxes_are_reported(tiny_copy, cli):
    def boxes(content):
        for a in content["annotations"]:
            a["area"] = a["bbox"][2] * a["bbox"][3]

    edit(tiny_copy, TRAIN, boxes)
    report = run_check(cli, tiny_copy)[1]
    assert report["splits"][TRAIN]["area_source"] == "box area"


def test_everything_that_is_wrong_is_listed_and_nothing_ends_the_walk(tiny_copy, cli):
    def damage(content):
        for a in content["annotations"][:5]:
            a["area"] = -1
        content["annotations"][5]["keypoints"] = [0] * 51
        content["annotations"][6]["bbox"][0] = -20

    edit(tiny_copy, TRAIN, damage)
    for number in (8, 9, 10, 11):
        image(tiny_copy, number).unlink()
    image(tiny_copy, 7).write_bytes(image(tiny_copy, 7).read_bytes()[:-300])
    image(tiny_copy, 6).write_text("no person")
    (tiny_copy / "annotations/person_keypoints_train_adult.json").write_text("{")
    for name in "ab":
        twice = tiny_copy / f"annotations/200R/person_keypoints_{name}.json"
        twice.parent.mkdir(exist_ok=True)
        twice.write_text("{}")
    ended, report = run_check(cli, tiny_copy, status=2)
    out, err = ended.out, ended.err
    found, refused = cases(report)
    assert not report["usable"]
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "training would refuse 5 of the findings" in err
    assert found["malformed annotation records"] == [
        f"annotation {id_}: area is -1, expected a number above 0" for id_ in range(101, 106)
    ]
    assert found["missing images"] == [str(image(tiny_copy, n)) for n in (8, 9, 10, 11)]
    assert [str(image(tiny_copy, 7)) in case for case in found["unreadable images"]] == [True]
    (of_nobody,) = found["missing or unreadable images without people"]
    assert str(image(tiny_copy, 6)) in of_nobody
    assert found["annotations without a labelled joint"] == [
        f"annotation 106 of {image(tiny_copy, 6)}"
    ]
    assert found["boxes that reach out of their image"] == [
        f"annotation 107 of {image(tiny_copy, 7)}"
    ]
    assert len(found["images without a labelled person"]) == 6
    assert refused == {"malformed annotation records", "missing images", "unreadable images"}
    assert "not valid JSON" in cases(report, "train_adult")[0]["unusable annotations"][0]
    assert "holds 2 files" in cases(report, "200R")[0]["unusable annotations"][0]
    assert "and 2 more" in out
    assert report["splits"][TEST]["people"] == 5


def test_oddities_do_not_fail(tiny_copy, cli):
    shutil.copy(image(tiny_copy, 1), image(tiny_copy, 2))  # of another size: unreadable as labelled
    size = cv2.imread(str(image(tiny_copy, 1))).shape[1::-1]

    def change(content):
        content["images"][1].update(width=size[0], height=size[1])
        content["images"][2].pop("is_synthetic")
        content["annotations"][3]["keypoints"][:3] = [-5, 5, 2]

    edit(tiny_copy, TRAIN, change)
    ended, report = run_check(cli, tiny_copy)
    found, refused = cases(report)
    assert (ended.err, refused) == ("", set())
    assert found["images with the same content"] == [
        f"{image(tiny_copy, 1)} = {image(tiny_copy, 2)}"
    ]
    assert found["images without is_synthetic, which others have"] == [str(image(tiny_copy, 3))]
    assert found["joints outside of their image"] == [f"annotation 104 of {image(tiny_copy, 4)}"]


@pytest.mark.parametrize(
    ("tested", "status"), [(TEST, 2), ("nothing_of_it", 0)], ids=["refused", "only reported"]
)
def test_images_of_two_splits_are_found_by_content(tiny_copy, cli, tested, status):
    content = json.loads((tiny_copy / f"annotations/person_keypoints_{TEST}.json").read_text())
    shutil.copy(tiny_copy / "images" / TEST / "test3.jpg", image(tiny_copy, 5))
    wh = {key: content["images"][3][key] for key in ("width", "height")}
    edit(tiny_copy, TRAIN, lambda c: c["images"][4].update(wh))
    ended, report = run_check(cli, tiny_copy, f"data.test_split={tested}", status=status)
    out = ended.out
    assert report["overlaps"] == [
        {
            "first": TRAIN,
            "second": TEST,
            "images": [str(image(tiny_copy, 5))],
            "refused": status == 2,
        }
    ]
    assert f"images that {TEST} has, too" in out


def test_some_splits_only(tiny_copy, cli):
    for choice in (f"splits=[{TEST}]", f"splits={TEST}"):
        report = run_check(cli, tiny_copy, choice)[1]
        assert list(report["splits"]) == [TEST]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "data.root is not set"),
        (["data.root=nowhere"], "SyRIP is available only on request"),
        (["data.root={root}", "splits=[1000S]"], "no split 1000S"),
    ],
)
def test_mistakes_are_one_line(arguments, words, tiny_root, monkeypatch, tmp_path, cli):
    monkeypatch.chdir(tmp_path)
    message = cli("check", *(a.format(root=tiny_root) for a in arguments), status=2).err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert words in message


FRONT = np.zeros((17, 3))
FRONT[[1, 2, 3, 4, 5, 6, 11, 12]] = [
    (54, 20, 2), (46, 20, 2), (60, 22, 2), (40, 22, 2), (70, 50, 2), (30, 50, 2), (62, 120, 2),
    (38, 120, 2),
]  # fmt: skip
AREA = 5000.0
"""Of a person 100 px wide and 200 px high; labels are then uncertain by some 2 to 8 px."""


def turned(degrees, mirrored=False):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    keypoints = FRONT.copy()
    keypoints[:, :2] = keypoints[:, :2] @ turn.T
    return keypoints[COCO17.flip_order] * [-1, 1, 1] if mirrored else keypoints


def exchange(keypoints, left, right):
    order = np.arange(17)
    order[[left, right]] = right, left
    return keypoints[order]


@pytest.mark.parametrize("degrees", [0, 90, 180, 250])
@pytest.mark.parametrize("mirrored", [False, True])
def test_exchanged_joints_are_suspected_in_any_direction(degrees, mirrored):
    person = turned(degrees, mirrored)
    assert not swapped_parts(person, AREA)
    for pair in [(1, 2), (3, 4), (5, 6), (11, 12)]:
        assert swapped_parts(exchange(person, *pair), AREA)
    for pair in [(7, 8), (13, 14), (15, 16)]:
        assert not swapped_parts(exchange(person, *pair), AREA)


def test_a_person_from_behind_is_not_suspected():
    behind = FRONT[COCO17.flip_order]
    assert not swapped_parts(behind, AREA)


def test_views_from_the_side_and_unlabelled_pairs_are_ignored():
    narrow = FRONT * [0.25, 1, 1]
    assert not swapped_parts(exchange(narrow, 5, 6), AREA)
    hidden = exchange(FRONT, 5, 6)
    hidden[12, 2] = 0
    assert not swapped_parts(hidden, AREA)


def test_a_suspect_is_reported_and_does_not_fail(tiny_copy, cli):
    """The stick figures' shoulders and hips, labelled, the hips drawn wide enough to tell."""

    def exchange_hips(content):
        for a in content["annotations"]:
            keypoints = np.array(a["keypoints"]).reshape(17, 3)
            keypoints[[5, 6, 11, 12], 2] = 2
            keypoints[[5, 6, 11, 12], :2] = [(60, 20), (20, 20), (56, 60), (24, 60)]
            if a["id"] == 102:
                keypoints[[5, 6]] = keypoints[[6, 5]]
            a.update(keypoints=keypoints.ravel().tolist(), area=2000)

    edit(tiny_copy, TRAIN, exchange_hips)
    _, report = run_check(cli, tiny_copy)
    assert cases(report)[0] == {
        "left and right perhaps exchanged": [f"annotation 102 of {image(tiny_copy, 2)}"]
    }


def test_only_an_earlier_report_is_replaced(cli, tiny_copy):
    labels = tiny_copy / "annotations" / "person_keypoints_train_infant.json"
    before = labels.read_bytes()
    ended, _ = run_check(cli, tiny_copy, f"out={labels}", status=2)
    assert "is no report of fidip check" in ended.err
    assert labels.read_bytes() == before
    for _ in range(2):
        _, report = run_check(cli, tiny_copy)
        assert report["usable"]
