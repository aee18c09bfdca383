"""The mean teacher against closed formulas and plain loops."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from fidip.adapt import AffineViews, Confident, MovingAverage, Occlusion
from fidip.adapt.mean_teacher import MeanTeacher
from fidip.codecs.decoders import dark_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.core.samples import Batch
from fidip.nn import PoseNet, PoseOutput
from fidip.nn.losses import heatmap_mse
from tests.adapt.test_dann import BATCH, RATE, Codec, T, X, fit

METHOD = "mean_teacher"
STILL = AffineViews(rotation_deg=0, shear_deg=0, scale=(1, 1), colour=0)
UNLABELLED = np.array([0, 0, 1, 1])


class TeachingCodec(Codec):
    """The value of a heatmap is the x of its joint."""

    input_wh = (2, 2)

    def decode(self, maps):
        return maps[..., 0].expand(-1, -1, 2), torch.ones(maps.shape[:2])


def weighted(output, target, weight):
    return 0.5 * ((weight[..., None, None] * (output - target)) ** 2).mean()


def mean_teacher(**changes):
    parts = {"average": MovingAverage(), "views": STILL, "labels": Confident(), **changes}
    return MeanTeacher(**parts)


@pytest.mark.parametrize(("weight", "decay"), [(0.0, 0.5), (2.0, 0.5), (2.0, 0.0)])
def test_updates_follow_the_analytic_gradient(weight, decay):
    batch = replace(
        BATCH,
        labelled=torch.tensor(1.0 - UNLABELLED).float()[:, None],
        is_unlabelled=torch.tensor(UNLABELLED > 0),
    )
    method = mean_teacher(weight=weight, average=MovingAverage(decay=decay))
    task = fit(method, batches=[batch] * 5, codec=TeachingCodec(), loss=weighted)
    w = teacher = 0.7
    for _ in range(5):
        teacher = decay * teacher + (1 - decay) * w
        supervised = (1 - UNLABELLED) * (w * X - T) * X
        w -= RATE * np.mean(supervised + weight * UNLABELLED * (w * X - teacher * X) * X)
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    if weight:
        assert method.teacher.w.item() == pytest.approx(teacher, rel=1e-6)


CODEC = HeatmapCodec((32, 32), (8, 8), sigma=1.0, decoder=dark_decode)


class Backbone(nn.Sequential):
    num_features = 4


def small_net(seed=0):
    torch.manual_seed(seed)
    backbone = Backbone(nn.Conv2d(3, 4, 4, stride=4), nn.Tanh(), nn.Conv2d(4, 4, 3, padding=1))
    return PoseNet(backbone, lambda channels: nn.Conv2d(channels, 3, 1))


def batch_of(is_unlabelled):
    rng = np.random.default_rng(5)
    count = len(is_unlabelled)
    unlabelled = torch.tensor(is_unlabelled)
    return Batch(
        crops=torch.from_numpy(rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)),
        joints_crop=torch.from_numpy(rng.uniform(4, 28, (count, 3, 2)).astype(np.float32)),
        labelled=(~unlabelled).float()[:, None].expand(-1, 3),
        is_synthetic=(~unlabelled).float(),
        crop_to_image=torch.zeros(count, 2, 3, dtype=torch.float64),
        image_ids=torch.arange(count),
        boxes_xywh=torch.zeros(count, 4, dtype=torch.float64),
        box_scores=torch.ones(count, dtype=torch.float64),
        index=torch.arange(100, 100 + count),
        is_unlabelled=unlabelled,
    )


def part_of(batch, start, end):
    names = batch.__dataclass_fields__
    return Batch(**{name: getattr(batch, name)[start:end] for name in names})


class Recorder(MeanTeacher):
    """Keeps the images and labels of every update."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.seen = []

    def terms(self, step, part):
        labels = self._labels.get(part)
        self.seen.append((part.images.detach().clone(), labels))
        return super().terms(step, part)


def recorded(batches, accumulate=1, **changes):
    net = changes.pop("net", None) or small_net()
    parts = {
        "average": MovingAverage(decay=0.9),
        "views": AffineViews(),
        "labels": Confident(floor=-10.0),
        "occlusion": Occlusion(confidence=-10.0, probability=1.0),
        **changes,
    }
    method = Recorder(**parts)
    task = {"net": net, "codec": CODEC, "loss": heatmap_mse, "accumulate": accumulate}
    return fit(method, batches=batches, **task)


MIXED = [False, True, True, False, False, True, False, False]


def test_parts_of_an_update_share_the_threshold_and_equal_one_batch():
    """The second half has fewer unlabelled samples than the first."""
    batch = batch_of(MIXED)
    whole = recorded([batch] * 2)
    halves = recorded([part_of(batch, 0, 4), part_of(batch, 4, 8)] * 2, accumulate=2)
    for name, value in whole.net.state_dict().items():
        torch.testing.assert_close(halves.net.state_dict()[name], value, rtol=0, atol=1e-6)
    labels = [torch.cat([h[1].labelled for h in halves.method.seen[i : i + 2]]) for i in (0, 2)]
    for (_, ours), other in zip(whole.method.seen, labels, strict=True):
        assert torch.equal(ours.labelled, other)
        assert 0 < ours.labelled.sum() <= 5  # of 9 joints, the percentile rejects 4


def test_a_part_without_unlabelled_samples_is_only_supervised():
    batch = batch_of([False] * 4)
    task = recorded([batch] * 2)
    images, labels = task.method.seen[0]
    assert torch.equal(images, task.net.normalize(batch.crops))
    assert not labels.labelled.any()
    assert float(task.trainer.callback_metrics["train/pseudo_loss"]) == 0


def test_views_change_with_the_update_and_the_seed_and_only_of_unlabelled_samples():
    batch = batch_of(MIXED)
    first, second = (images for images, _ in recorded([batch] * 2).method.seen)
    other = recorded([batch] * 2, seed=1).method.seen[0][0]
    plain = small_net().normalize(batch.crops)
    changed = torch.tensor(MIXED)
    for images in (first, second, other):
        assert torch.equal(images[~changed], plain[~changed])
        assert (images[changed] != plain[changed]).flatten(1).any(1).all()
    for images in (second, other):
        assert (images[changed] != first[changed]).flatten(1).any(1).all()


class Brightness(nn.Module):
    """The heatmap is the brightness of 4x4 px."""

    feature_channels = 1

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def normalize(self, crops):
        return crops.float() / 255

    def forward(self, images):
        heatmaps = self.factor * nn.functional.avg_pool2d(images.mean(1, keepdim=True), 4)
        return PoseOutput(heatmaps, heatmaps.expand(-1, 3, -1, -1))


def test_labels_are_where_the_student_sees_what_the_teacher_found():
    batch = batch_of([True] * 6)
    batch.crops.zero_()
    batch.crops[..., 9:14, 18:23] = 200
    views = AffineViews(scale=(0.8, 1.0))
    task = recorded([batch], net=Brightness(), views=views, occlusion=None, labels=Confident(0.0))
    images, labels = task.method.seen[0]
    mass = images.mean(1)
    mass = mass / mass.sum((1, 2), keepdim=True)
    at = torch.arange(32.0)
    seen = torch.stack([(mass.sum(1) * at).sum(1), (mass.sum(2) * at).sum(1)], dim=1)
    assert labels.labelled.all()
    assert seen.std(0).min() > 1
    assert (labels.joints_crop[:, 0] - seen).abs().max() < 2.5


class Watched(Brightness):
    """Keeps what is seen without gradients, which is what the teacher sees."""

    seen: ClassVar[list[torch.Tensor]] = []

    def forward(self, images):
        if not torch.is_grad_enabled():
            self.seen.append(images)
        return super().forward(images)


def test_the_teacher_can_see_the_crops_as_they_are():
    batch = batch_of([True] * 4)
    plain = Watched().normalize(batch.crops)
    for teacher_views, is_plain in ((STILL, True), (None, False)):
        Watched.seen.clear()
        views = {"views": AffineViews(), "teacher_views": teacher_views}
        student, _ = recorded([batch], net=Watched(), **views).method.seen[0]
        assert torch.allclose(Watched.seen[0], plain, atol=1e-6) == is_plain
        assert (student != plain).flatten(1).any(1).all()
