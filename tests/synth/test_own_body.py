"""A user's body: a file of SMIL's layout against SMPL's formula, and files that would run code."""

import json
import os
import pickle

import cv2
import numpy as np
import pytest
import scipy.sparse
from scipy.spatial.transform import Rotation

from fidip.cli import user_errors
from fidip.core.errors import ConfigError, DataError
from fidip.synth import Appearance, ImageSet, RenderSettings, write_split
from fidip.synth.body.body_model import default_body
from fidip.synth.body.own_body import FACE_VERTICES, OwnBody, body_of, read_body
from fidip.synth.body.safe_pickle import read_pickle
from fidip.synth.pose.joint_angles import sample_pose
from fidip.synth.pose.posture import POSTURES
from tests.synth.smil_layout import PARENTS, face, smil_like, write_pickle

TO_OURS = Rotation.from_euler("x", 90, degrees=True).as_matrix()


@pytest.fixture(scope="module")
def arrays():
    return smil_like()


@pytest.fixture(scope="module")
def own(arrays, tmp_path_factory):
    file = tmp_path_factory.mktemp("body") / "smil_like.pkl"
    return OwnBody.from_file(write_pickle(file, arrays), "infant", face())


def smpl(arrays, shape, local):
    """SMPL's (V, 3) vertices for (24, 3, 3) local rotations (Loper et al. 2015, eq. 2 to 10)."""
    rest = arrays["v_template"] + arrays["shapedirs"] @ shape
    joints = arrays["J_regressor"] @ rest
    rest = rest + arrays["posedirs"] @ (local[1:] - np.eye(3)).ravel()
    world = [np.eye(4)]
    world[0][:3, :3], world[0][:3, 3] = local[0], joints[0]
    for j in range(1, 24):
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = local[j], joints[j] - joints[PARENTS[j]]
        world.append(world[PARENTS[j]] @ step)
    turn = np.array(world)
    turn[:, :3, 3] -= np.einsum("jab,jb->ja", turn[:, :3, :3], joints)
    blended = np.einsum("vj,jab->vab", arrays["weights"], turn)
    return np.einsum("vab,vb->va", blended[:, :3, :3], rest) + blended[:, :3, 3]


def test_posed_vertices_are_smpls(arrays, own):
    body, rng = read_body(own), np.random.default_rng(0)
    shape = rng.normal(size=8)
    rest, heads = body.rest("infant", shape)
    rotations = sample_pose(body, heads, "supine", rng)
    bones = [
        "root", "upperleg01.L", "upperleg01.R", "spine05", "lowerleg01.L", "lowerleg01.R",
        "spine03", "foot.L",
        "foot.R", "spine01", "foot.L", "foot.R", "neck01", "clavicle.L", "clavicle.R", "head",
        "upperarm01.L",
        "upperarm01.R", "lowerarm01.L", "lowerarm01.R", "wrist.L", "wrist.R", "wrist.L", "wrist.R",
    ]  # fmt: skip
    world = TO_OURS.T @ rotations[[body.index[b] for b in bones]] @ TO_OURS
    local = np.array([world[j] if j == 0 else world[PARENTS[j]].T @ world[j] for j in range(24)])
    expected = smpl(arrays, shape, local) @ TO_OURS.T
    posed = body.pose(rest, heads, rotations)
    np.testing.assert_allclose(posed - posed[0], expected - expected[0], atol=2e-6)


@pytest.mark.parametrize("posture", [name for name in POSTURES if POSTURES[name].group == "infant"])
def test_poses_are_those_of_the_shipped_body(own, posture):
    """The same random numbers bend both bodies alike, although their rest poses differ."""
    joints = []
    for body in (default_body(), body_of("infant", own)):
        rest, heads = body.rest("infant", np.zeros(8))
        rotations = sample_pose(body, heads, posture, np.random.default_rng(6))
        points = body.keypoints(body.pose(rest, heads, rotations))
        joints.append(points - points[11:13].mean(0))
    assert np.abs(joints[0] - joints[1]).max() < 0.04


def test_images_and_labels_come_from_it(own, tmp_path):
    appearances = {
        "plain": Appearance(caregiver=0.5),
        "held": Appearance(held=0.6, lap=0.4, hands=1.0),
    }
    parts = [
        ImageSet("infant", "plain", False, 2),
        ImageSet("adult", "plain", False, 1),
        ImageSet("infant", "held", False, 3),
    ]
    settings = RenderSettings(appearances, (96, 96), own=own, more_labels="joints")
    file = write_split(tmp_path, "train_x", parts, settings)
    content = json.loads(file.read_text())
    assert own.digest in content["info"]["description"]
    assert "licence" in content["info"]["description"]
    assert all(a["num_keypoints"] > 10 and a["area"] > 300 for a in content["annotations"])
    assert cv2.imread(str(tmp_path / "images/train_x/train00001.jpg")).std() > 5


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_pickles_of_every_age_are_read(arrays, tmp_path, protocol):
    small = {
        "shapedirs": np.arange(12.0).reshape(2, 3, 2),
        "f": np.asfortranarray(np.arange(6, dtype=">u4").reshape(2, 3)),
        **{
            form: getattr(scipy.sparse, form)(np.diag([1.0, 2.0]))
            for form in ("csc_matrix", "csr_matrix", "coo_matrix", "csr_array", "coo_array")
        },
    }
    read = read_pickle(write_pickle(tmp_path / "small.pkl", small, protocol))
    assert read.keys() == small.keys()  # the text of bs_style is left out
    np.testing.assert_array_equal(read["shapedirs"], small["shapedirs"])
    np.testing.assert_array_equal(read["f"], small["f"])
    np.testing.assert_array_equal(read["coo_array"], np.diag([1.0, 2.0]))
    np.testing.assert_array_equal(read["csc_matrix"], np.diag([1.0, 2.0]))


class Harmful:
    def __init__(self, does):
        self.does = does

    def __reduce__(self):
        return self.does


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda path: (os.system, (f"touch {path}",)), "posix.system"),
        (lambda path: (eval, (f"open({str(path)!r}, 'w')",)), "builtins.eval"),
        (lambda path: (os.mkdir, (str(path),)), "posix.mkdir"),
        (lambda path: (np.save, (str(path), 1)), "numpy.save"),
    ],
)
def test_code_in_a_pickle_is_not_run(tmp_path, call, named, capsys):
    trace, file = tmp_path / "trace.npy", tmp_path / "body.pkl"
    file.write_bytes(pickle.dumps({"v_template": Harmful(call(trace))}))
    with pytest.raises(SystemExit) as stop, user_errors():
        OwnBody.from_file(file, "infant", None)
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert named in message
    assert not trace.exists()


def test_an_npz_is_read_and_one_with_objects_is_not(arrays, own, tmp_path):
    dense = {**arrays, "J_regressor": arrays["J_regressor"].toarray()}
    np.savez(tmp_path / "body.npz", **dense)
    same = read_body(OwnBody.from_file(tmp_path / "body.npz", "infant", face()))
    np.testing.assert_array_equal(same.shapes["infant"].mean, read_body(own).shapes["infant"].mean)
    np.savez(tmp_path / "objects.npz", **{**dense, "f": np.array([{}], dtype=object)})
    with pytest.raises(DataError, match=r"objects.npz: cannot be read"):
        OwnBody.from_file(tmp_path / "objects.npz", "infant", face())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": None}, "no weights"),
        ({"v_template": np.zeros((5, 2))}, r"v_template is \(5, 2\), expected \(5, 3\)"),
        ({"f": np.array([[0, 1, 99999]])}, "f names vertex 99999"),
        ({"kintree_table": np.zeros((2, 24))}, "kintree_table is not SMPL's"),
        ({"v_template": "large"}, "expected metres"),
        ({"shapedirs": "nan"}, "shapedirs has NaN or infinite values"),
    ],
)
def test_other_layouts_are_refused_in_one_line(arrays, tmp_path, change, message):
    (key, value), broken = next(iter(change.items())), dict(arrays)
    if value is None:
        del broken[key]
    elif isinstance(value, str):
        broken[key] = broken[key] * (1000 if value == "large" else np.nan)
    else:
        broken[key] = value
    with pytest.raises(DataError, match=message):
        OwnBody.from_file(write_pickle(tmp_path / "broken.pkl", broken), "infant", face())


def test_settings_that_do_not_fit_are_refused(own):
    nose, *others = face()
    with pytest.raises(ConfigError, match=r"^group=child: expected infant or adult"):
        OwnBody.from_file(own.file, "child", None)
    with pytest.raises(ConfigError, match=r"^face=\[1, 2\]: expected five"):
        OwnBody.from_file(own.file, "infant", (1, 2))
    with pytest.raises(ConfigError, match="is not to the left of"):
        OwnBody.from_file(own.file, "infant", (nose, others[1], others[0], *others[2:]))
    with pytest.raises(ConfigError, match=r"^face=null: .* unknown mesh of"):
        OwnBody.from_file(own.file, "infant", None)
    with pytest.raises(DataError, match="no such file"):
        OwnBody.from_file(own.file.with_name("missing.pkl"), "infant", None)
    assert {6890, 10475} == set(FACE_VERTICES)
