"""Label-free criteria: of predictors that are known, and of a run's network."""

import json
from dataclasses import replace

import hydra
import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from fidip.adapt.agreement import (
    VIEWS,
    FixedView,
    areas_in_crops,
    keypoints_in_views,
    label_free_criteria,
)
from fidip.core.samples import Batch
from fidip.core.skeleton import COCO17
from fidip.io.paths import config_dir
from fidip.metrics import agreement_beyond_chance, view_agreement
from fidip.tasks import AveragedWeights, Checkpoints
from fidip.tasks.callbacks.target_agreement import keypoint_predictor
from tests.adapt.test_methods import OF_METHOD, TINY
from tests.adapt.test_methods import fit as fit_method
from tests.adapt.test_withheld_labels import TWO

pytestmark = pytest.mark.forks

WH = (48, 64)
IS_LEFT, IS_RIGHT = (
    torch.tensor([[side in name] for name in COCO17.joints]) for side in ("left", "right")
)


def batch_of_spots(*spots):
    """One crop for each pair of places (x, y) with bright spots."""
    y, x = np.mgrid[: WH[1], : WH[0]]
    crops = [
        sum(255 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 18) for a, b in pair) for pair in spots
    ]
    count = len(spots)
    values = torch.tensor(np.stack(crops)).clamp(0, 255).round().to(torch.uint8)
    return Batch(
        crops=values[:, None].expand(-1, 3, -1, -1),
        joints_crop=torch.zeros(count, 17, 2),
        labelled=torch.zeros(count, 17),
        is_synthetic=torch.zeros(count),
        crop_to_image=torch.tensor([[[2.0, 0, 5], [0, 2.0, 7]]] * count, dtype=torch.float64),
        image_ids=torch.arange(count),
        boxes_xywh=torch.tensor([[10.0, 10, 80, 100]] * count, dtype=torch.float64),
        box_scores=torch.ones(count, dtype=torch.float64),
        index=torch.arange(count),
    )


BATCH = batch_of_spots([(14, 30), (34, 30)], [(12, 26), (36, 34)])


def left_and_right(crops):
    """Spot in the right half of the image for left joints, as of a person seen from the front."""
    weight = crops[:, 0] ** 4
    pixels = torch.stack(torch.meshgrid(*map(torch.arange, WH), indexing="xy"), -1).to(weight)
    middle = (weight[..., None] * pixels).sum((1, 2)) / weight.sum((1, 2))[:, None]
    is_right = pixels[None, ..., 0] > middle[:, None, None, 0]
    both = []
    for mask in (is_right, ~is_right):
        part = (weight * mask)[..., None]
        both.append((part * pixels).sum((1, 2)) / part.sum((1, 2)))
    left, right = (each[:, None] for each in both)
    return torch.where(IS_LEFT, left, torch.where(IS_RIGHT, right, middle[:, None]))


def by_person(predict, batch=BATCH, views=VIEWS):
    areas = areas_in_crops(batch.boxes_xywh, batch.crop_to_image)
    return view_agreement(keypoints_in_views(predict, batch.crops, views), areas)


def test_a_predictor_that_moves_with_the_image_agrees():
    assert by_person(left_and_right).min() > 0.97
    assert label_free_criteria(left_and_right, [BATCH])["agreement"] > 0.97


def test_a_predictor_that_confuses_left_and_right_in_mirrored_crops_does_not():
    def by_height(crops):
        found = left_and_right(crops)
        upper = (found[:, 1, 1] < found[:, 2, 1])[:, None, None]
        return torch.where(upper, found, found[:, COCO17.flip_order])

    views = (FixedView(), FixedView(mirrored=True))
    slanted = batch_of_spots([(20, 40), (28, 22)])
    assert by_person(left_and_right, slanted, views)[0] > 0.99
    assert by_person(by_height, slanted, views)[0] < 0.5


def constant(place):
    return lambda crops: torch.tensor(place).expand(len(crops), 17, 2)


@pytest.mark.parametrize("place", [(23.5, 31.5), (0.0, 0.0), (24.0, 20.0)])
def test_a_constant_prediction_has_no_agreement_beyond_chance(place):
    other_shape = replace(BATCH, boxes_xywh=BATCH.boxes_xywh / torch.tensor([[1.0], [3.0]]))
    found = label_free_criteria(constant(place), [BATCH, other_shape], teacher=constant(place))
    assert found == pytest.approx({"agreement": 0, "teacher_agreement": 0}, abs=1e-12)


def test_agreement_beyond_chance_follows_its_formula():
    rng = np.random.default_rng(0)
    xy, area = rng.uniform(0, 60, (3, 4, 17, 2)), rng.uniform(1e3, 1e4, 4)

    def similarity(a, m, b, n):
        squared = ((xy[a, m] - xy[b, n]) ** 2).sum(-1)
        return np.exp(-squared / (2 * np.array(COCO17.sigmas)) ** 2 / area[m] / 2).mean()

    pairs = [(0, 1), (0, 2), (1, 2)]
    same = np.mean([similarity(a, n, b, n) for a, b in pairs for n in range(4)])
    others = [(m, n) for m in range(4) for n in range(4) if m != n]
    chance = np.mean([similarity(a, m, b, n) for a, b in pairs for m, n in others])
    expected = (same - chance) / (1 - chance)
    assert agreement_beyond_chance(xy, area) == pytest.approx(expected, rel=1e-9)


def test_a_single_person_and_equal_keypoints_have_no_agreement_beyond_chance():
    assert agreement_beyond_chance(np.zeros((2, 1, 17, 2)), np.full(1, 100.0)) == 0
    assert agreement_beyond_chance(np.zeros((2, 3, 17, 2)), np.full(3, 100.0)) == 0


def test_a_teacher_agrees_with_a_network_that_finds_the_same():
    def shifted(crops):
        return left_and_right(crops) + 2.0

    same = label_free_criteria(left_and_right, [BATCH], teacher=left_and_right)
    other = label_free_criteria(left_and_right, [BATCH], teacher=shifted)
    assert same["teacher_agreement"] == 1
    assert 0.1 < other["teacher_agreement"] < 0.9
    assert same["agreement"] == other["agreement"]


def test_agreement_is_relative_to_the_size_of_the_person_in_the_crop():
    middle = constant((20.0, 20.0))
    twice = replace(BATCH, boxes_xywh=BATCH.boxes_xywh * 2, crop_to_image=BATCH.crop_to_image * 2)
    small = replace(BATCH, boxes_xywh=BATCH.boxes_xywh / 4)
    np.testing.assert_allclose(by_person(middle, twice), by_person(middle), rtol=1e-12)
    assert (by_person(middle, small) < by_person(middle)).all()


class Recorder(pl.Callback):
    """Writes what is logged at the end of every epoch into a file, before callbacks of the task."""

    def __init__(self, file):
        self.file = file

    def on_train_epoch_end(self, trainer, pl_module):
        row = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if trainer.is_global_zero:
            with self.file.open("a") as file:
                file.write(f"{json.dumps(row)}\n")


def train(root, folder, *overrides, average=False, method="finetune", monitor="val/agreement"):
    """Train with a target and Checkpoints by a criterion; return the rows and the task."""
    words = [*TINY, f"method={method}", *OF_METHOD.get(method, []), f"data.root={root}"]
    words += ["data.batch_size=8", "trainer.limit_val_batches=1.0", "trainer.max_epochs=3"]
    folder.mkdir(exist_ok=True)
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("train", [*words, *overrides])
    rows, more = folder / "rows", [AveragedWeights(decay=0.5)] if average else []
    task = fit_method(config, *more, Recorder(rows), Checkpoints(folder, monitor=monitor))
    return [json.loads(line) for line in rows.read_text().splitlines()], task


@torch.no_grad()
def of_weights(task, file):
    """Criteria of the weights of a checkpoint on all of the target."""
    saved = torch.load(file, weights_only=True)
    task.load_state_dict(saved["state_dict"])
    if "method" in saved:
        task.method.load_hidden_state(saved["method"])
    teacher = task.labelling_net and keypoint_predictor(task.labelling_net, task.codec)
    data = task.trainer.datamodule
    batches = data.target_dataloader()
    return label_free_criteria(keypoint_predictor(task.net.eval(), task.codec), batches, teacher)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("fraction", [0, 0.2])
def test_the_best_checkpoint_is_chosen_without_labels(fraction, average, tiny_root, tmp_path):
    rows, task = train(tiny_root, tmp_path, f"data.val_fraction={fraction}", average=average)
    logged = [row["val/agreement"] for row in rows]
    assert ("val/OKS" in rows[0]) == bool(fraction)
    assert len(set(logged)) > 1
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)
    assert best["epoch"] == int(np.argmax(logged))
    for name, expected in (("best", max(logged)), ("last", logged[-1])):
        found = of_weights(task, tmp_path / f"{name}.ckpt")
        assert found == pytest.approx({"agreement": expected}, rel=1e-5)


@pytest.mark.parametrize("method", ["mean_teacher", "source_free"])
def test_agreement_with_a_teacher_chooses_the_best_checkpoint(tiny_root, tmp_path, method):
    monitor = "val/teacher_agreement"
    rows, task = train(tiny_root, tmp_path, method=method, monitor=monitor)
    logged = [row[monitor] for row in rows]
    assert len(set(logged)) == len(rows)
    assert torch.load(tmp_path / "best.ckpt", weights_only=True)["epoch"] == np.argmax(logged)
    assert of_weights(task, tmp_path / "best.ckpt") == pytest.approx(
        {"agreement": rows[np.argmax(logged)]["val/agreement"], "teacher_agreement": max(logged)},
        rel=1e-5,
    )


def test_a_method_that_is_turned_off_has_no_teacher(tiny_root, tmp_path):
    rows, _ = train(tiny_root, tmp_path, "method.weight=0", method="mean_teacher")
    assert all("val/agreement" in row and "val/teacher_agreement" not in row for row in rows)


def test_without_an_unlabelled_target_nothing_is_logged(tiny_root, tmp_path):
    rows, _ = train(tiny_root, tmp_path, "data.target_split=null", "data.batch_size=6")
    assert not any("val/agreement" in row for row in rows)
    assert not (tmp_path / "best.ckpt").exists()


def test_without_validation_it_is_logged_as_often_as_a_validation(tiny_root, tmp_path):
    rows, _ = train(tiny_root, tmp_path, "trainer.check_val_every_n_epoch=2")
    assert ["val/agreement" in row for row in rows[:2]] == [False, True]


@pytest.mark.parametrize("fraction", [0, 0.5])
def test_two_processes_have_the_agreement_of_one(fraction, tiny_root, tmp_path):
    validation = f"data.val_fraction={fraction}"
    one = ("data.batch_size=16", "trainer.precision=64-true")
    runs = [
        train(tiny_root, tmp_path / name, validation, "net.backbone.norm=true", *overrides)[0]
        for name, overrides in (("one", one), ("two", ("data.batch_size=8", *TWO[1:])))
    ]
    first, second = ([row["val/agreement"] for row in rows] for rows in runs)
    assert second == pytest.approx(first, rel=0, abs=1e-5)
