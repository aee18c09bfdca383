"""COCO's adults, from pretraining to fine-tuning; scored as pycocotools scores the file itself."""

import contextlib
import copy
import io
import json

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fidip.core.people import People
from fidip.data import read_annotations
from fidip.data.layout import find_split
from fidip.metrics import annotations_to_coco
from tests.conftest import annotation_record, category, image_record, stick_figure

SMALL = ("net=movenet_lightning", "codec=demo", "data.num_workers=0")
CROWD, NO_DETECTOR, SPECK = 900, 901, 902
"""Ids of annotations that make no sample."""


@pytest.fixture(scope="module")
def coco_root(tmp_path_factory):
    """People in COCO's layout, without domains; on every image someone else, too.

    Beside the figure of each image there is a crowd on the first, somebody without keypoints on
    the second, and a person too small to crop on the third; no person is on the last.
    """
    root = tmp_path_factory.mktemp("coco")
    rng = np.random.default_rng(3)
    (root / "annotations").mkdir()
    for split, first, count in (("train2017", 100000, 8), ("val2017", 200000, 10)):
        content = {"images": [], "annotations": [], "categories": [category()]}
        (root / split).mkdir()
        for image_id in range(first, first + count):
            image, keypoints = stick_figure(rng, False)
            content["images"].append(image_record(image_id, f"{image_id:012d}.jpg", image, None))
            cv2.imwrite(str(root / split / f"{image_id:012d}.jpg"), image)
            content["annotations"].append(annotation_record(image_id, keypoints))
        content["annotations"].pop()
        content["annotations"] += extras(first, content["annotations"])
        file = root / "annotations" / f"person_keypoints_{split}.json"
        file.write_text(json.dumps(content))
        (root / "annotations" / f"instances_{split}.json").write_text("[]")
    return root


def extras(first, people):
    crowd, unlabelled, speck = (copy.deepcopy(person) for person in people[:3])
    crowd.update(id=CROWD, iscrowd=1, bbox=[0, 0, 60, 60], area=3000, num_keypoints=0)
    crowd.update(keypoints=[0] * 51, segmentation={"counts": [1, 2], "size": [60, 60]})
    unlabelled.update(
        id=NO_DETECTOR, bbox=[0, 0, 40, 40], area=900, num_keypoints=0, keypoints=[0] * 51
    )
    speck.update(id=SPECK, bbox=[5, 5, 2, 0], area=0)
    assert [a["image_id"] for a in (crowd, unlabelled, speck)] == [first, first + 1, first + 2]
    return [crowd, unlabelled, speck]


def by_hand(file, results):
    """pycocotools on the original annotation file."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(file))
        evaluation = COCOeval(truth, truth.loadRes(copy.deepcopy(results)), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [None if value < 0 else value for value in evaluation.stats.tolist()]


def val_json(root):
    return root / "annotations" / "person_keypoints_val2017.json"


def read_val(root, **options):
    split = find_split(root, "val2017")
    return read_annotations(split.json, *split.image_dirs, **options)


def noisy_results(root):
    """Poses near labelled and unlabelled people, in a crowd, and on an empty image."""
    rng = np.random.default_rng(0)
    content = json.loads(val_json(root).read_text())
    results = []
    for person in content["annotations"]:
        xyv = np.array(person["keypoints"], dtype=float).reshape(17, 3)
        left, top, width, height = person["bbox"]
        if not xyv[:, 2].any():
            xyv[:, :2] = rng.uniform((left, top), (left + width, top + height), (17, 2))
        xyv[:, :2] += rng.normal(0, 2, (17, 2))
        results.append(pose(person["image_id"], xyv, rng.uniform(0.5, 1)))
    empty = content["images"][-1]["id"]
    return [*results, pose(empty, rng.uniform(0, 80, (17, 3)), 0.99)]


def pose(image_id, xyv, score):
    keypoints = xyv.ravel().tolist()
    return {"image_id": image_id, "category_id": 1, "keypoints": keypoints, "score": score}


def test_whoever_makes_no_sample_is_counted(coco_root):
    file = read_val(coco_root, skip_unusable=True)
    assert [a.image_id for a in file.people] == list(range(200000, 200009))
    assert [a.id for a in file.people.others] == [CROWD, NO_DETECTOR, SPECK]
    assert file.skipped == {
        "crowds": 1,
        "without a labelled joint": 1,
        "with an area or a box too small to crop": 1,
        "images without a labelled person": 1,
    }


def test_the_ground_truth_is_the_file_s(coco_root):
    """All that the evaluation looks at."""
    original = json.loads(val_json(coco_root).read_text())
    ours = annotations_to_coco(read_val(coco_root, skip_unusable=True).people)
    names = (
        "id",
        "image_id",
        "category_id",
        "iscrowd",
        "bbox",
        "area",
        "num_keypoints",
        "keypoints",
    )
    kept = [{name: a[name] for name in names} for a in original["annotations"]]
    assert ours["annotations"] == kept
    assert ours["images"] == original["images"]


def test_poses_are_scored_as_pycocotools_scores_the_original_file(coco_root, cli, tmp_path):
    results = noisy_results(coco_root)
    (tmp_path / "poses.json").write_text(json.dumps(results))
    arguments = [f"predictions={tmp_path}/poses.json", f"data.root={coco_root}", *SMALL]
    cli("evaluate", *arguments, "experiment=pretrain_coco", f"out={tmp_path}/out")
    scores = json.loads((tmp_path / "out/results.json").read_text())
    assert list(scores["metrics"].values()) == by_hand(val_json(coco_root), results)
    people = read_val(coco_root, skip_unusable=True).people
    (tmp_path / "labelled.json").write_text(
        json.dumps(annotations_to_coco(People.without_others(list(people))))
    )
    labelled = [r for r in results if r["image_id"] != 200009]
    without_the_others = by_hand(tmp_path / "labelled.json", labelled)
    assert 0.2 < scores["metrics"]["AP"] < 0.9
    assert scores["metrics"]["AP"] != pytest.approx(without_the_others[0], abs=1e-3)


def test_pretraining_then_fine_tuning_then_evaluation(coco_root, tiny_root, cli, tmp_path):
    arguments = ["experiment=pretrain_coco", f"data.root={coco_root}", *SMALL, "debug=smoke"]
    ended = cli("train", *arguments, f"hydra.run.dir={tmp_path}/adults")
    printed = ended.err
    for split, count in (("train", 7), ("val", 9)):
        assert (
            f"{split}2017.json: {count} people, left out 1 crowds, left out 1 without a" in printed
        )

    cli("evaluate", f"ckpt={tmp_path}/adults", f"out={tmp_path}/scored")
    scores = json.loads((tmp_path / "scored/results.json").read_text())
    poses = json.loads((tmp_path / "scored/predictions.json").read_text())
    assert [p["image_id"] for p in poses] == list(range(200000, 200009))
    assert list(scores["metrics"].values()) == by_hand(val_json(coco_root), poses)
    assert scores["leaked_images"] == 0

    boxes = [
        {"image_id": i, "category_id": 1, "bbox": [10, 10, 70, 80], "score": 0.9}
        for i in range(200000, 200010)
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    detected = [f"ckpt={tmp_path}/adults", f"boxes={tmp_path}/boxes.json"]
    cli("evaluate", *detected, f"out={tmp_path}/detected")
    scores = json.loads((tmp_path / "detected/results.json").read_text())
    poses = json.loads((tmp_path / "detected/predictions.json").read_text())
    assert [p["image_id"] for p in poses] == list(range(200000, 200010))
    assert list(scores["metrics"].values()) == by_hand(val_json(coco_root), poses)

    start = f"ckpt={tmp_path}/adults/checkpoints/last.ckpt"
    arguments = ["experiment=finetune_syrip", f"data.root={tiny_root}", *SMALL, "net.frozen=[]"]
    ended = cli("train", *arguments, start, "debug=smoke", f"hydra.run.dir={tmp_path}/infants")
    assert "0 missing" in ended.out
    cli("evaluate", f"ckpt={tmp_path}/infants", f"out={tmp_path}/end")
    truth = tiny_root / "annotations" / "person_keypoints_validate_infant.json"
    scores = json.loads((tmp_path / "end/results.json").read_text())
    poses = json.loads((tmp_path / "end/predictions.json").read_text())
    assert list(scores["metrics"].values()) == by_hand(truth, poses)
