"""What smoothing is for, on movements with rapid kicks whose truth is known."""

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.cli import config_dir
from fidip.metrics import track_quality as motion
from tests.inference.smoothing.made_tracks import even, movement, observed, uneven

SAMPLINGS = {"even": even(), "uneven": uneven(), "slow": even(fps=20), "fast": even(fps=60)}


def chosen(name, **changed):
    config = OmegaConf.load(config_dir() / "smoothing" / f"{name}.yaml")
    return instantiate(OmegaConf.merge(config, changed))


def figures(filter_, times, seed):
    """Jitter, error, error on kicks (torso lengths), lag in frames, fraction of known keypoints."""
    truth = movement(times, seed)
    track = filter_(observed(times, truth, seed))
    fast = motion.rapid(times, truth, faster_than=3)
    assert fast.mean() > 0.01
    return np.array(
        [
            motion.jitter(times, track.xy, truth),
            motion.position_error(track.xy, truth),
            motion.position_error(track.xy, truth, fast),
            motion.lag_frames(times, track.xy, truth),
            track.known.mean(),
        ]
    )


@pytest.mark.parametrize("name", sorted(p.stem for p in (config_dir() / "smoothing").iterdir()))
def test_every_choice_can_be_made_and_keeps_the_frames(name):
    times = even(1)
    assert len(chosen(name)(observed(times, movement(times)))) == len(times)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_default_trembles_a_third_as_much_and_is_nowhere_worse(sampling, seed):
    times = SAMPLINGS[sampling]
    jitter, error, kicks, lag, known = figures(chosen("kalman"), times, seed)
    raw_jitter, raw_error, raw_kicks, _, raw_known = figures(chosen("none"), times, seed)
    assert jitter < raw_jitter / 3
    assert error < 0.8 * raw_error
    assert kicks < raw_kicks
    assert abs(lag) < 0.5
    assert known == 1 > raw_known


@pytest.mark.parametrize(
    ("name", "changed", "of_jitter", "latest"),
    [
        ("kalman", {"causal": True}, 0.4, 1.0),
        ("one_euro", {}, 1 / 2, 2.5),
        ("savgol", {}, 1 / 3, 0.5),
        ("hampel", {}, 0.7, 0.5),
    ],
    ids=str,
)
def test_the_others_tremble_less_and_come_so_late(name, changed, of_jitter, latest):
    times = SAMPLINGS["even"]
    jitter, _, _, lag, _ = figures(chosen(name, **changed), times, 0)
    raw = figures(chosen("none"), times, 0)[0]
    assert jitter < of_jitter * raw
    assert abs(lag) < latest
