"""The named appearances: labels against independent renderings, and what an appearance promises."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from pycocotools import mask as coco_mask

from fidip.cli import config_dir
from fidip.synth import Appearance, render_person
from fidip.synth.body.body_model import RestShape, default_body
from fidip.synth.clothing.palette import draw_skin, skin_of_angle
from fidip.synth.pose.collision import deepest_cut
from fidip.synth.pose.joint_angles import sample_pose
from fidip.synth.pose.posture import choose_posture
from fidip.synth.render.raster import draw
from fidip.synth.scene.figure import least_cutting_pose
from fidip.synth.scene.picture import capture
from fidip.synth.scene.stage import set_stage

APPEARANCES = {
    path.stem: instantiate(OmegaConf.load(path))
    for path in sorted((Path(config_dir()) / "appearance").glob("*.yaml"))
}
SIZE_WH = (128, 128)


def picture_of(name, seed):
    rng = np.random.default_rng([7, seed])
    stage = set_stage(default_body(), "infant", APPEARANCES[name], SIZE_WH, rng)
    return stage, capture(stage, APPEARANCES[name], rng)


@pytest.mark.parametrize("name", APPEARANCES)
@pytest.mark.parametrize("seed", range(3))
def test_keypoints_are_the_projected_joints(name, seed):
    """By homogeneous coordinates, x ~ K [R | t] X, instead of the camera's own formula."""
    stage, picture = picture_of(name, seed)
    camera = stage.camera
    k = np.array([[camera.focal, 0, 63.5], [0, camera.focal, 63.5], [0, 0, 1]])
    p = k @ np.column_stack([camera.rotation, -camera.rotation @ camera.position])
    x = p @ np.column_stack([stage.joints, np.ones(17)]).T
    inside = picture.keypoints[:, 2] > 0
    np.testing.assert_allclose(picture.keypoints[inside, :2], (x[:2] / x[2]).T[inside], atol=1e-6)


@pytest.mark.parametrize("name", APPEARANCES)
def test_hidden_joints_lie_behind_something(name):
    """By rays against triangles: seen joints have at most flesh before them, hidden ones more."""
    stage, picture = picture_of(name, 4)
    meshes = [*stage.worn, *stage.props]
    # a label compares with the nearest pixel, a ray with the exact direction: skip edges
    surface = draw(meshes, stage.camera.scaled(3), stage.wall)
    agree = []
    for joint, (x, y, v) in zip(stage.joints, picture.keypoints, strict=True):
        column, row = round(3 * x + 1), round(3 * y + 1)
        around = surface.depth[max(row - 6, 0) : row + 7, max(column - 6, 0) : column + 7]
        if v == 0 or np.ptp(around) > 0.02:
            continue
        ray = joint - stage.camera.position
        distance = _first_hit(stage.camera.position, ray / np.linalg.norm(ray), meshes)
        gap = np.linalg.norm(ray) - distance
        agree.append(gap < 0.08 if v == 2 else gap > 0.0)
    assert all(agree)


def _first_hit(origin, direction, meshes):
    """Distance to the nearest triangle along a ray (Moeller and Trumbore 1997)."""
    nearest = np.inf
    for mesh in meshes:
        a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
        e, f = b - a, c - a
        h = np.cross(direction, f)
        det = (e * h).sum(1)
        s = origin - a
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (s * h).sum(1) / det
            q = np.cross(s, e)
            v, t = q @ direction / det, (f * q).sum(1) / det
            hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0.02)
        nearest = min(nearest, t[hit].min(initial=np.inf))
    return nearest


@pytest.mark.parametrize("name", APPEARANCES)
def test_box_and_area_are_those_of_the_mask(name):
    """pycocotools' own box and area of a silhouette that OpenCV fills triangle by triangle."""
    stage, picture = picture_of(name, 2)
    zoom = 4
    large = stage.camera.scaled(zoom)
    filled = np.zeros(large.size_wh[::-1], np.uint8)
    for mesh in stage.worn:
        for triangle in large.project(mesh.vertices)[mesh.faces, :2].round().astype(int):
            cv2.fillConvexPoly(filled, triangle, 1)
    rle = coco_mask.encode(np.asfortranarray(filled))
    assert float(coco_mask.area(rle)) / zoom**2 == pytest.approx(picture.area, rel=0.05)
    x, y, width, height = coco_mask.toBbox(rle) / zoom
    expected = np.array([x, y, x + width, y + height])
    box = np.array(picture.box_xywh)
    np.testing.assert_allclose([*box[:2], *(box[:2] + box[2:])], expected, atol=1.6)


def test_left_is_left():
    """In every appearance, the left shoulder lies further to the body's left than the right one."""
    for name in APPEARANCES:
        stage, _ = picture_of(name, 0)
        shoulders, hips = stage.joints[5] - stage.joints[6], stage.joints[11] - stage.joints[12]
        up = stage.joints[5:7].mean(0) - stage.joints[11:13].mean(0)
        face = stage.joints[0] - stage.joints[3:5].mean(0)  # the nose is before the ears
        left = np.cross(up, face)
        assert stage.joints[3] @ left > stage.joints[4] @ left  # ears
        assert shoulders @ hips > 0


def test_night_is_grey_and_day_is_not():
    _, night = picture_of("night", 0)
    _, home = picture_of("home", 0)
    assert (np.ptp(night.image, axis=2) == 0).all()
    assert np.ptp(home.image, axis=2).max() > 10


def test_skin_has_the_angle_it_is_asked_for():
    """atan((L* - 50) / b*) of OpenCV's CIELAB, over the whole scale."""
    for angle in (-55, -30, 10, 28, 41, 62):
        linear = skin_of_angle(angle, 10, 16)
        srgb = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
        lab = cv2.cvtColor(srgb[None, None].astype(np.float32), cv2.COLOR_RGB2Lab)[0, 0]
        assert np.rad2deg(np.arctan2(lab[0] - 50, lab[2])) == pytest.approx(angle, abs=1.5)


def test_skin_is_uniform_over_the_scale():
    rng = np.random.default_rng(0)
    lightness = [
        cv2.cvtColor(
            (draw_skin((-55, 62), rng)[None, None] ** (1 / 2.2)).astype(np.float32),
            cv2.COLOR_RGB2Lab,
        )[0, 0]
        for _ in range(600)
    ]
    angle = np.rad2deg(np.arctan2(*(np.array(lightness)[:, (0, 2)] - [50, 0]).T))
    counts, _ = np.histogram(angle, bins=6, range=(-55, 62))
    assert counts.min() > 60


def test_lenses_are_24_to_85_mm():
    """Horizontal field of view of 35 mm film's diagonal, 43.27 mm, on a square image."""
    focal = []
    for seed in range(40):
        stage = set_stage(
            default_body(), "infant", APPEARANCES["far"], SIZE_WH, np.random.default_rng(seed)
        )
        focal.append(stage.camera.focal / np.hypot(*SIZE_WH) * 43.27)
    assert 24 <= min(focal) < 30
    assert 70 < max(focal) <= 85


def test_a_caregiver_leaves_about_half_of_the_infant_in_sight():
    appearance, hidden, adults = Appearance(caregiver=1.0), [], 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        stage = set_stage(default_body(), "infant", appearance, SIZE_WH, rng)
        adults += len(stage.props)
        surface = draw([*stage.worn, *stage.props], stage.camera, stage.wall)
        alone = draw(stage.worn, stage.camera, stage.wall)
        hidden.append(1 - (surface.material == 0).sum() / (alone.material == 0).sum())
    assert adults >= 4
    assert max(hidden) < 0.5
    assert max(hidden) > 0.005


def test_first_appearances_ignore_later_random_streams():
    """An appearance without the later statistics does not depend on their random streams."""
    a = render_person(
        default_body(), "infant", APPEARANCES["varied"], (64, 64), np.random.default_rng(5)
    )
    rng = np.random.default_rng(5)
    rng.spawn(3)
    b = render_person(default_body(), "infant", APPEARANCES["varied"], (64, 64), rng)
    np.testing.assert_array_equal(a.image, b.image)
    np.testing.assert_array_equal(a.keypoints, b.keypoints)


def test_limbs_do_not_cut_through_the_body():
    """At most 1 % of images by over a centimetre, for poses before the floor presses soft flesh."""
    body, appearance, cuts = default_body(), APPEARANCES["home"], []
    for seed in range(100):
        rng = np.random.default_rng([17, seed])
        rest, heads = body.rest("infant", rng.normal(size=8).clip(-1.6, 1.6))
        posture = choose_posture("infant", rng)
        first = sample_pose(body, heads, posture, rng)
        rotations = least_cutting_pose(
            RestShape(body, rest, heads), first, posture, appearance.redraws, rng
        )
        cuts.append(deepest_cut(body, rest, body.pose(rest, heads, rotations)))
    assert np.mean(np.array(cuts) > 0.01) <= 0.01


def test_a_hand_in_the_belly_is_a_cut():
    """As deep as it is pushed in: the right hand, moved to 3 cm under the skin of the belly."""
    body = default_body()
    rest, _ = body.rest("infant", np.zeros(8))
    assert deepest_cut(body, rest, rest) < 0.002
    hand = np.flatnonzero(body.weight_of("wrist.R") > 0.8)
    belly = np.flatnonzero(body.weight_of("spine04", "spine03") > 0.9)
    front = belly[rest[belly, 1].argmin()]
    posed = rest.copy()
    posed[hand] += rest[front] + [0, 0.03, 0] - rest[hand].mean(0)
    assert 0.015 < deepest_cut(body, rest, posed) < 0.06
