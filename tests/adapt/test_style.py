"""Style augmentation against closed formulas."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fidip.adapt import Part
from fidip.adapt.style import (
    STREAM,
    Style,
    channel_statistics,
    low_amplitudes,
    match_statistics,
    swap_amplitudes,
)
from fidip.adapt.views import uniform_draws
from tests.adapt.test_dann import BATCH, RATE, T, X, Y, fit

METHOD = "style"


def styled(update, probability):
    """The brightness of the four images: of a flat image, both styles are that of the other one."""
    draws = uniform_draws(STREAM, update, range(4), 3)
    values = X.copy()
    for row, (first, _, last) in enumerate(draws):
        others = np.flatnonzero(Y[row] != Y)
        if first < probability:
            values[row] = X[others[int(last * len(others))]]
    return values


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (1.0, 2.0), (0.0, 0.0)])
@pytest.mark.parametrize("probability", [0.0, 0.6, 1.0])
def test_updates_follow_the_analytic_gradient_of_changed_images(weights, probability):
    method = Style(probability=probability, fda_weight=weights[0], adain_weight=weights[1])
    task = fit(method, updates=5)
    w, seen = 0.7, []
    for update in range(5):
        x = styled(update, probability if any(weights) else 0)
        seen.append(x)
        w -= RATE * np.mean((w * x - T) * x)
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    changed = any((x != X).any() for x in seen)
    assert changed == (probability > 0 and any(weights))


def test_parts_of_an_update_change_as_one_batch_does():
    def halves(batch):
        for rows in (slice(0, 2), slice(2, 4)):
            yield replace(batch, **{name: value[rows] for name, value in vars(batch).items()})

    whole = fit(Style(probability=1.0), batches=[BATCH] * 3)
    parts = [part for _ in range(3) for part in halves(BATCH)]
    split = fit(Style(probability=1.0), batches=parts, accumulate=2)
    assert split.net.w.item() == pytest.approx(whole.net.w.item(), rel=1e-9)


def test_replayed_samples_keep_their_style():
    replayed = torch.tensor([True, False, False, True])
    batch = replace(BATCH, is_replayed=replayed)
    seen = []

    class Watch(Style):
        def terms(self, step, part):
            seen.append(part.batch.crops)
            return {}

    fit(Watch(probability=1.0), batches=[batch])
    assert torch.equal(seen[0][replayed], BATCH.crops[replayed])
    others = BATCH.crops[[2, 1]]
    assert torch.equal(seen[0][[1, 2]], others)


def test_changed_crops_replace_what_was_computed():
    class Halving(torch.nn.Module):
        def normalize(self, crops):
            return crops.double() / 2

    part = Part(BATCH, Halving(), is_whole=True)
    before = part.images
    part.change_crops(BATCH.crops // 2)
    assert torch.equal(part.images, (BATCH.crops // 2).double() / 2)
    assert not torch.equal(part.images, before)


@pytest.mark.parametrize("wh", [(12, 8), (9, 7), (8, 16), (2, 2)])
@pytest.mark.parametrize("band", [0, 1, 3])
def test_an_image_takes_on_low_frequencies_and_keeps_the_others(wh, band):
    band = min(band, (min(wh) - 1) // 2)
    generator = torch.Generator().manual_seed(0)
    images, others = torch.rand((2, 2, 3, wh[1], wh[0]), generator=generator, dtype=torch.float64)
    found = swap_amplitudes(images, low_amplitudes(others, band))
    at_y, at_x = (np.abs(np.fft.fftfreq(size) * size).round() for size in (wh[1], wh[0]))
    is_low = torch.from_numpy((at_y <= band)[:, None] & (at_x <= band))
    ours, theirs, result = (torch.fft.fft2(each) for each in (images, others, found))
    wanted = torch.where(is_low, theirs.abs(), ours.abs())
    torch.testing.assert_close(result.abs(), wanted)
    certain = wanted > 1e-6
    phases = [each[certain] / each[certain].abs() for each in (result, ours)]
    torch.testing.assert_close(*phases)


def test_an_image_takes_on_mean_and_deviation():
    generator = torch.Generator().manual_seed(0)
    images, others = torch.rand((2, 4, 3, 6, 5), generator=generator)
    wanted = channel_statistics(others)
    torch.testing.assert_close(channel_statistics(match_statistics(images, wanted)), wanted)
    flat = match_statistics(torch.ones(4, 3, 6, 5), wanted)
    torch.testing.assert_close(flat, wanted[..., :1, None].expand_as(flat))


def test_an_own_style_changes_nothing():
    images = torch.rand((2, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(swap_amplitudes(images, low_amplitudes(images, 2)), images)
    torch.testing.assert_close(match_statistics(images, channel_statistics(images)), images)
