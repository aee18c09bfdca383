"""Palms, soles and vertex: positions on the body and in the image; the 17 joints do not change."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from fidip.core.errors import ConfigError
from fidip.synth import Appearance, ImageSet, RenderSettings, write_split
from fidip.synth.body.body_model import default_body
from fidip.synth.labels.clinical import extra_points, point_weights
from fidip.synth.scene.stage import set_stage

APPEARANCES = {"plain": Appearance(fill=(0.7, 1.2))}
PARTS = [ImageSet("infant", "plain", False, 4), ImageSet("adult", "plain", False, 2)]
ALL = ("palm", "sole", "vertex")


def write(root, extra):
    settings = RenderSettings(APPEARANCES, (96, 96), 3, more_labels="all", extra_points=extra)
    return write_split(root, "train_x", PARTS, settings)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("clinical")
    write(root, ALL)
    return root


def extra(root):
    return json.loads((root / "annotations_extra/person_keypoints_train_x.json").read_text())


@pytest.mark.parametrize("group", ["infant", "adult"])
def test_they_lie_where_anatomy_puts_them(group):
    """Standing: soles on the ground under the ankles, vertex at the top, palms in the hands."""
    body = default_body()
    rest, heads = body.rest(group, np.zeros(8))
    height, at = np.ptp(rest[:, 2]), {k: w @ rest for k, w in point_weights(body, group).items()}
    joints = dict(zip(("wrist.L", "wrist.R"), body.keypoints(rest)[9:11], strict=True))
    assert rest[:, 2].max() - at["vertex"][2] < 0.008 * height
    assert abs(at["vertex"][0]) < 0.01 * height
    for side, long, sign in (("L", "left", 1), ("R", "right", -1)):
        palm, sole = at[f"{long}_palm"], at[f"{long}_sole"]
        assert palm[0] * sign > 0 < sole[0] * sign
        assert sole[2] - rest[:, 2].min() < 0.012 * height
        ankle = body.keypoints(rest)[15 if side == "L" else 16]
        assert np.linalg.norm(sole[:2] - ankle[:2]) < 0.06 * height
        hand = rest[body.weight_of(f"wrist.{side}") > 0.9]
        beyond = joints[f"wrist.{side}"] - heads[body.index[f"lowerarm01.{side}"]]
        assert 0.01 * height < (palm - joints[f"wrist.{side}"]) @ beyond / np.linalg.norm(beyond)
        assert (hand.min(0) < palm).all()
        assert (palm < hand.max(0)).all()


@pytest.mark.parametrize("seed", range(4))
def test_they_are_projected_points(seed):
    """By x ~ K [R | t] X of the posed vertices' means."""
    body, rng = default_body(), np.random.default_rng(seed)
    stage = set_stage(body, "infant", APPEARANCES["plain"], (96, 96), rng)
    found = extra_points(body, stage, ALL)
    weights = point_weights(body, "infant")
    names = ("left_palm", "right_palm", "left_sole", "right_sole", "vertex")
    world = np.array([weights[n] for n in names]) @ stage.figure.bare(body).vertices
    local = stage.camera.rotation @ (world - stage.camera.position).T
    expected = stage.camera.focal * local[:2] / local[2] + 47.5
    inside = found[:, 2] > 0
    np.testing.assert_allclose(found[inside, :2], expected.T[inside], atol=1e-6)
    bones = np.array([body.index[b] for b in ("wrist.L", "wrist.R", "foot.L", "foot.R", "head")])
    turn, shift = body.transforms(stage.figure.heads, stage.figure.rotations)
    joints = np.einsum("jik,jk->ji", turn, stage.figure.heads) + shift - stage.figure.offset
    assert (np.linalg.norm(world - joints[bones], axis=1)[:4] < 0.06).all()


def test_seen_points_lie_at_the_surface(written):
    seen = 0
    for image, annotation in zip(
        extra(written)["images"], extra(written)["annotations"], strict=True
    ):
        more = np.load(written / "labels3d/train_x" / image["file_name"].replace("jpg", "npz"))
        points = np.array(annotation["keypoints"]).reshape(-1, 3)[17:]
        for x, y, v in points:
            if v == 2:
                seen += 1
                assert more["mask_visible"][max(0, round(y) - 2) :, max(0, round(x) - 2) :][
                    :5, :5
                ].any()
    assert seen > 8


def test_coco_reads_both_files_and_the_17_points_are_the_same(written, tmp_path):
    plain = write(tmp_path, ())
    assert (written / "annotations" / plain.name).read_bytes() == plain.read_bytes()
    assert not (tmp_path / "annotations_extra").exists()
    assert [file.name for file in (written / "annotations").iterdir()] == [plain.name]
    seventeen = json.loads(plain.read_text())
    for old, new in zip(seventeen["annotations"], extra(written)["annotations"], strict=True):
        assert new["keypoints"][:51] == old["keypoints"]
        assert len(new["keypoints"]) == 3 * 22
        assert new["num_keypoints"] == sum(v > 0 for v in new["keypoints"][2::3])
    person = COCO(str(written / "annotations_extra/person_keypoints_train_x.json")).loadCats(1)[0]
    names = [tuple(person["keypoints"][i - 1] for i in limb) for limb in person["skeleton"][-5:]]
    assert names == [
        ("left_wrist", "left_palm"), ("right_wrist", "right_palm"), ("left_ankle", "left_sole"),
        ("right_ankle", "right_sole"), ("nose", "vertex"),
    ]  # fmt: skip


@pytest.mark.parametrize(("names", "count"), [(("vertex",), 18), (("palm", "sole"), 21)])
def test_skeletons_of_18_and_21_points(names, count, tmp_path):
    settings = RenderSettings(APPEARANCES, (48, 48), 3, extra_points=names)
    write_split(tmp_path, "train_x", PARTS[:1], settings)
    assert len(extra(tmp_path)["categories"][0]["keypoints"]) == count


def test_an_unknown_point_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no point 'thumb'; expected palm, sole, vertex"):
        write(tmp_path, ("thumb",))
