"""Infants held by an adult: hands at the trunk, no collisions, labels of occlusion."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import KDTree

from fidip.core.errors import ConfigError
from fidip.synth import Appearance
from fidip.synth.body.body_model import RestShape, default_body
from fidip.synth.body.growth import infant_shape
from fidip.synth.dataset.clip_set import ClipSet
from fidip.synth.labels.labels3d import occluders
from fidip.synth.pose.collision import deepest_cut, depth_under
from fidip.synth.pose.joint_angles import sample_pose
from fidip.synth.pose.posture import POSTURES, choose_posture, draw_posture
from fidip.synth.render.mesh import vertex_normals
from fidip.synth.render.raster import draw
from fidip.synth.scene.figure import least_cutting_pose
from fidip.synth.scene.picture import capture
from fidip.synth.scene.stage import set_stage

HELD = [name for name, posture in POSTURES.items() if posture.held]
APPEARANCE = Appearance(months=(-2, 12), redraws=12, hands=1.0, free_view=0.5, overhead=0.3)
SEEDS = range(4)


@pytest.fixture(scope="module")
def stages():
    """By posture: the stage, its picture, and the adult."""
    out = {}
    for name in HELD:
        for seed in SEEDS:
            rng = np.random.default_rng([23, seed])
            stage = set_stage(default_body(), "infant", APPEARANCE, (96, 96), rng, name)
            picture = capture(stage, APPEARANCE, rng)
            out[name, seed] = (stage, picture, stage.props[-2 if name == "lap" else -1])
    return out


@pytest.mark.parametrize("name", HELD)
def test_hands_are_at_the_trunk(stages, name):
    """Both hands are within 2.5 cm of the infant's trunk, hips or thighs, clothes included."""
    body = default_body()
    near = body.weight_of("spine", "root", "pelvis", "upperleg", "clavicle", "shoulder") > 0.5
    for seed in SEEDS:
        stage, _, adult = stages[name, seed]
        trunk = KDTree(stage.worn[0].vertices[near])
        for side in "LR":
            hand = adult.vertices[body.weight_of(f"wrist.{side}") > 0.8]
            assert trunk.query(hand)[0].min() < 0.025


@pytest.mark.parametrize("name", HELD)
def test_bodies_do_not_cut_into_each_other(stages, name):
    """By more than a hand or a thigh gives way."""
    body = default_body()
    cuts = []
    for seed in SEEDS:
        stage, _, adult = stages[name, seed]
        infant = stage.figure.bare(body).vertices
        grown = adult.vertices
        cuts.append(depth_under(grown, infant, vertex_normals(infant, body.faces)))
        cuts.append(depth_under(infant, grown, vertex_normals(grown, body.faces)))
    assert np.median(cuts) < 0.02
    assert max(cuts) < 0.05


@pytest.mark.parametrize("name", HELD)
def test_the_adult_is_on_the_floor_and_the_infant_above_it(stages, name):
    for seed in SEEDS:
        stage, _, adult = stages[name, seed]
        assert abs(adult.vertices[:, 2].min()) < 0.025
        assert stage.worn[0].vertices[:, 2].min() > 0.2
        hips = adult.vertices[default_body().weight_of("spine05", "pelvis") > 0.5].mean(0)
        assert np.linalg.norm((stage.joints[11:13].mean(0) - hips)[:2]) < 0.6


@pytest.mark.parametrize("name", HELD)
def test_most_of_the_infant_is_in_sight(stages, name):
    for seed in SEEDS:
        stage, _, adult = stages[name, seed]
        both = draw([*stage.worn, adult], stage.camera, stage.wall)
        alone = draw(stage.worn, stage.camera, stage.wall)
        assert (both.material == 0).sum() > 0.6 * (alone.material == 0).sum()


def test_what_hides_a_joint_is_recorded(stages):
    """Exactly the joints that appear without the adult are labelled as occluded by a person."""
    count = 0
    for (_, seed), (stage, picture, adult) in stages.items():
        others = [mesh for mesh in stage.props if mesh is not adult]
        free = capture(replace(stage, props=others), APPEARANCE, np.random.default_rng(seed))
        by = occluders(stage, picture)
        freed = (picture.keypoints[:, 2] == 1) & (free.keypoints[:, 2] == 2)
        assert (by[freed] == 3).all()
        assert (by[picture.keypoints[:, 2] == 2] == 0).all()
        count += freed.sum()
    assert count >= 5


@pytest.mark.parametrize("name", HELD)
def test_limbs_of_held_infants_do_not_cut(name):
    """At most 1 % by over a centimetre, as in the other postures."""
    body, cuts = default_body(), []
    for seed in range(30):
        rng = np.random.default_rng([29, seed])
        rest, heads = infant_shape(body, rng.normal(size=8).clip(-1.6, 1.6), 4.0, rng)
        first = sample_pose(body, heads, name, rng)
        rotations = least_cutting_pose(
            RestShape(body, rest, heads), first, name, APPEARANCE.redraws, rng
        )
        cuts.append(deepest_cut(body, rest, body.pose(rest, heads, rotations)))
    assert np.mean(np.array(cuts) > 0.01) <= 0.01


def test_appearances_choose_how_often_infants_are_held():
    rng, style = np.random.default_rng(0), np.random.default_rng(1)
    drawn = [draw_posture("infant", 0.2, 0.1, rng, style) for _ in range(2000)]
    assert np.mean([d in ("held", "cradled") for d in drawn]) == pytest.approx(0.2, abs=0.03)
    assert np.mean([d == "lap" for d in drawn]) == pytest.approx(0.1, abs=0.03)
    rng, again = np.random.default_rng(3), np.random.default_rng(3)
    for group in ("infant", "adult") * 50:
        assert draw_posture(group, 0.0, 0.0, rng, style) == choose_posture(group, again)


def test_clips_have_no_held_infants():
    with pytest.raises(ConfigError, match=r"'lap'; expected .*supine"):
        ClipSet("infant", "clean", ("lap",), 1, 1.0, 12)
