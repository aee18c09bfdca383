"""Several people in an image: one pose of each, the infant, and the same infant in every frame."""

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.cli.loading import load_predictor
from fidip.codecs.decoders import argmax_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.core.crop_window import CropWindow
from fidip.core.poses import Poses
from fidip.core.skeleton import COCO17
from fidip.inference import Predictor, SinglePersonTracker, find_person
from fidip.inference.person_selection import (
    ADULT_GIRTH,
    BREADTH,
    INFANT_GIRTH,
    PREFERENCES,
    anyone,
    infancy,
    one_per_person,
    similarity,
    without_uncertain,
)
from fidip.io.paths import config_dir
from fidip.synth.body.body_model import default_body
from fidip.synth.scene.stage import set_stage
from tests.inference.rendered_people import SIDE, draw_person, is_nearer, paste


def pose_of(xy, scores=None):
    scores = np.ones(17, np.float32) if scores is None else scores
    return Poses.of_keypoints(xy[None], scores[None])


def drawn(group, count):
    """Poses of people seen from anywhere, (count, 17, 2)."""
    appearance = instantiate(OmegaConf.load(config_dir() / "appearance" / "home.yaml"))
    stages = [
        set_stage(default_body(), group, appearance, (256, 256), np.random.default_rng((3, i)))
        for i in range(count)
    ]
    return np.array([stage.camera.project(stage.joints)[:, :2] for stage in stages])


def test_infants_are_distinguished_from_adults_by_their_heads():
    infants, adults = drawn("infant", 12), drawn("adult", 12)
    is_right = [infancy(pose_of(xy)) > 0.5 for xy in infants]
    is_right += [infancy(pose_of(xy)) < 0.5 for xy in adults]
    assert np.mean(is_right) >= 0.95
    turned = infants[0] @ np.array([[0.0, 3], [-3, 0]]) + 50
    assert infancy(pose_of(turned)) == pytest.approx(infancy(pose_of(infants[0])))


LENGTHS = {"shoulder shoulder": 0.259, "shoulder hip": 0.288, "shoulder elbow": 0.186,
           "elbow wrist": 0.146, "hip knee": 0.245, "knee ankle": 0.246}  # fmt: skip
"""Of an adult's limbs, relative to stature."""


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("limb", LENGTHS)
def test_every_limb_gives_the_stature(limb, side):
    """A head of an adult's breadth on an adult's limb, and twice as large; all else is unknown."""
    start, end = limb.split()
    other = "right" if limb == "shoulder shoulder" else side
    first = "left" if limb == "shoulder shoulder" else side
    joints = ["left_ear", "right_ear", f"{first}_{start}", f"{other}_{end}"]
    rows = [COCO17.joints.index(name) for name in joints]
    scores = np.zeros(17, np.float32)
    scores[rows] = 1
    chances = []
    for head in (ADULT_GIRTH, INFANT_GIRTH):
        xy = np.full((17, 2), 7.0)
        xy[rows] = [(0, 0), (BREADTH * head * 500, 0), (0, 100), (0, 100 + 500 * LENGTHS[limb])]
        chances.append(infancy(pose_of(xy, scores))[0])
    np.testing.assert_allclose(chances, [0.148, 0.852], atol=1e-3)


def test_an_uncertain_joint_is_ignored():
    xy, scores = drawn("adult", 1)[0], np.ones(17, np.float32)
    wrong = xy.copy()
    wrong[3] += 500  # an ear
    scores[3] = 0.1
    assert infancy(pose_of(wrong, scores)) == pytest.approx(infancy(pose_of(xy)), abs=0.15)
    assert infancy(pose_of(wrong)) > infancy(pose_of(wrong, scores))


def test_of_each_person_the_surest_pose_stays():
    xy = drawn("infant", 1)[0]
    upside_down = 2 * (xy.min(axis=0) + xy.max(axis=0)) / 2 - xy
    poses = [
        pose_of(xy + 1, np.full(17, 0.4, np.float32)),
        pose_of(xy, np.full(17, 0.9, np.float32)),
        pose_of(upside_down, np.full(17, 0.5, np.float32)),
        pose_of(xy + np.array([1000.0, 0]), np.full(17, 0.7, np.float32)),
    ]
    kept = one_per_person(Poses.concatenate(poses))
    np.testing.assert_allclose(kept.confidence, [0.9, 0.7], rtol=1e-6)


def test_uncertain_poses_become_unknown():
    xy = np.random.default_rng(0).uniform(0, 100, (3, 17, 2))
    scores = np.repeat(np.array([[0.25], [0.5], [0.75]], np.float32), 17, axis=1)
    poses = without_uncertain(Poses.of_keypoints(xy, scores), lost=0.5)
    assert poses.known.all(axis=1).tolist() == [False, True, True]
    assert not poses.known[0].any()
    np.testing.assert_array_equal(poses.xy[1:], xy[1:])
    assert poses.scores[:, 0].tolist() == [0, 0.5, 0.75]
    assert np.isnan(poses.boxes_xywh[0]).all()
    np.testing.assert_array_equal(poses.boxes_xywh[1:, :2], xy[1:].min(axis=1))
    np.testing.assert_array_equal(poses.boxes_xywh[1:, 2:], np.ptp(xy[1:], axis=1))


def test_confidences_lie_between_0_and_1():
    """Heatmaps of a network may be higher than 1 and all below 0."""
    codec = HeatmapCodec((64, 64), (16, 16), 1.5, argmax_decode)
    heights = torch.linspace(-0.5, 2, 17)
    predictor = Predictor(
        lambda crops: heights[:, None, None].expand(len(crops), 17, 16, 16), codec, flip_test=False
    )
    window = CropWindow(np.array([32.0, 32.0]), 64.0)
    image = np.zeros((64, 64, 3), np.uint8)
    raw = predictor.predict_windows(image, [window]).scores
    assert raw.min() == pytest.approx(-0.5)
    np.testing.assert_allclose(predictor(image, [window]).scores, raw.clip(0, 1))


@pytest.fixture(scope="module")
def people():
    """An infant whom the bundled network finds, and adults of whom it is surer."""
    return draw_person("infant", 14), [draw_person("adult", seed) for seed in (26, 20, 28)]


def test_beside_an_adult_the_infant_is_found(people):
    predictor = load_predictor("bundled:movenet-lightning")
    infant, adults = people
    chosen = {name: [] for name in PREFERENCES}
    for adult, corners in zip(adults, ([(0, 0), (SIDE, 0)], [(SIDE, 0), (0, 0)]) * 2, strict=False):
        picture, places = paste([infant, adult], corners, (2 * SIDE, SIDE))
        for name, prefer in PREFERENCES.items():
            pose = find_person(predictor, picture, prefer=prefer)
            chosen[name].append(is_nearer(pose.xy[0], *places))
    assert all(chosen["infant"])
    assert not any(chosen["surest"])


def test_the_infant_is_kept_while_an_adult_passes(people):
    find = SinglePersonTracker(load_predictor("bundled:movenet-lightning"))
    infant, (_, adult, _) = people
    kept = []
    for step in np.linspace(0, 1, 20):
        corners = [(round(SIDE * step), SIDE * 3 // 4), (round(SIDE * (1 - step)), 0)]
        picture, places = paste([infant, adult], corners, (2 * SIDE, 2 * SIDE))
        kept.append(is_nearer(find(picture).xy[0], *places))
    assert np.mean(kept) >= 0.9


@pytest.mark.parametrize("turns", [0, 2])
def test_a_search_that_is_spread_finds_a_person_within_four_images(people, turns):
    """At any quarter turn, with at most a quarter of the crops of a whole search in each image."""
    predictor = load_predictor("bundled:movenet-lightning", flip_test=False)
    image = np.ascontiguousarray(np.rot90(people[1][0][0], turns))
    crops = counted(predictor)
    wanted = SinglePersonTracker(predictor, prefer=anyone)(image)
    whole = sum(crops)
    crops.clear()
    spread = SinglePersonTracker(predictor, prefer=anyone, spread=True)
    spread(image)
    assert sum(crops) <= whole / 4
    poses = [spread(image) for _ in range(3)]
    assert similarity(poses[-1], wanted) > 0.9


def counted(predictor):
    """A list that grows by the number of crops of each call of a predictor."""
    crops, compute = [], predictor.runtime
    predictor.runtime = lambda batch: (crops.append(len(batch)), compute(batch))[1]
    return crops
