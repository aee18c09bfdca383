"""Reader of SMPL-family files that checks their layout."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from fidip.core.arrays import Ints
from fidip.core.errors import DataError
from fidip.synth.body.safe_pickle import Array, read_pickle

_KEYS = ("v_template", "shapedirs", "J_regressor", "weights", "kintree_table", "f")
SHARED = 22
"""Number of joints that all models of the family share."""
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)


def read_smpl(file: Path) -> dict[str, Array]:
    """Read the arrays of a model by name.

    Raises:
        DataError: the file holds no arrays, or they are not of SMPL's layout.
    """
    arrays = _arrays(file)
    _check(arrays, file)
    return arrays


def _arrays(file: Path) -> dict[str, Array]:
    if file.suffix != ".npz":
        return read_pickle(file)
    try:
        with np.load(file, allow_pickle=False) as content:
            return {key: content[key] for key in (*_KEYS, "posedirs") if key in content}
    except (ValueError, TypeError, OSError, BadZipFile) as error:
        raise DataError(
            f"{file}: cannot be read ({error}); "
            "expected an npz of plain arrays with a dense J_regressor"
        ) from None


def _check(arrays: dict[str, Array], file: Path) -> None:
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise DataError(f"{file}: no {', '.join(missing)}; expected an SMPL-family model")
    count, joints = len(np.atleast_1d(arrays["v_template"])), arrays["weights"].shape[-1:]
    wanted: dict[str, tuple[int | None, ...]] = {
        "v_template": (count, 3),
        "shapedirs": (count, 3, None),
        "weights": (count, *joints),
        "J_regressor": (*joints, count),
        "kintree_table": (2, *joints),
        "f": (None, 3),
    }
    if "posedirs" in arrays:
        wanted["posedirs"] = (count, 3, *(9 * (j - 1) for j in joints))
    for key, shape in wanted.items():
        _check_array(arrays[key], shape, f"{file}: {key}")
    _check_joints(arrays["kintree_table"][0].astype(np.int64), file)
    faces = arrays["f"].astype(np.int64)
    if faces.min() < 0 or faces.max() >= count:
        raise DataError(f"{file}: f names vertex {faces.max()}, expected 0 to {count - 1}")
    height = float(np.ptp(arrays["v_template"][:, 1].astype(float)))
    if not 0.25 < height < 2.5:
        raise DataError(f"{file}: v_template is {height:.3g} high, expected metres with y up")


def _check_array(array: Array, shape: tuple[int | None, ...], name: str) -> None:
    fits = array.ndim == len(shape) and all(
        b in (None, a) for a, b in zip(array.shape, shape, strict=True)
    )
    if not fits or array.size == 0:
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise DataError(f"{name} is {array.shape}, expected ({expected})")
    if not np.isfinite(array.astype(float)).all():
        raise DataError(f"{name} has NaN or infinite values; expected finite numbers")


def _check_joints(parents: Ints, file: Path) -> None:
    known = tuple(parents[1:SHARED].tolist()) == PARENTS[1:]
    if not known or (parents[SHARED:] >= np.arange(len(parents))[SHARED:]).any():
        raise DataError(
            f"{file}: kintree_table is not SMPL's; expected the first {SHARED} joints of SMPL"
        )
