"""Collages: the statistics that they are made for, and an appearance that has them."""

from dataclasses import replace

import numpy as np
from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.io.paths import config_dir
from fidip.synth.body.body_model import default_body
from fidip.synth.render.raster import FLOOR, WALL
from fidip.synth.scene.collage import collage
from fidip.synth.scene.picture import render_person

SIZE_WH = (192, 128)


def test_the_spectrum_falls_as_that_of_photographs():
    """Power falls with frequency to about -2 (Ruderman and Bialek, 1994); white noise has 0."""
    slopes = []
    for seed in range(8):
        grey = collage((128, 128), np.random.default_rng(seed)).mean(2)
        window = np.outer(np.hanning(128), np.hanning(128))
        power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
        band = (frequency > 0.03) & (frequency < 0.35)
        slopes.append(np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0])
    assert -3 < np.mean(slopes) < -1.5


def test_it_depends_only_on_the_random_numbers():
    first, again, other = (collage(SIZE_WH, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (128, 192, 3)
    assert (first == again).all()
    assert np.abs(first - other).mean() > 0.05
    assert first.min() > 0
    assert first.max() <= 1


def test_only_floor_and_wall_are_replaced():
    """A collage changes neither labels nor pixels outside floor and wall."""
    appearance = instantiate(OmegaConf.load(config_dir() / "appearance" / "wild.yaml"))
    clear = replace(
        appearance,
        collage=0.0,
        defocus=0.0,
        motion=0.0,
        noise=0.0,
        depth_of_field=0.0,
        resolution=1.0,
    )
    plain, wild = (
        render_person(
            default_body(),
            "infant",
            replace(clear, collage=share),
            (128, 128),
            np.random.default_rng(4),
        )
        for share in (0.0, 1.0)
    )  # fmt: skip
    assert (plain.keypoints == wild.keypoints).all()
    changed = (plain.image != wild.image).any(2)
    assert changed.mean() > 0.2
    column, row = plain.keypoints[plain.keypoints[:, 2] == 2, :2].round().astype(int).T
    shown = plain.shown[plain.keypoints[:, 2] == 2]
    assert not np.isin(shown, (FLOOR, WALL)).all()
    assert not changed[row, column][~np.isin(shown, (FLOOR, WALL))].any()


def test_an_unknown_appearance_is_refused(tmp_path, cli):
    part = "[{group: adult, appearance: wld, is_synthetic: false, count: 1}]"
    arguments = (f"out={tmp_path}", f"preset.splits.train_infant={part}")
    assert cli("synthesize", *arguments, status=2).error.startswith(
        "error: preset, train_infant: appearance wld; expected one of clean, varied, home"
    )
