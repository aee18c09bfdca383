"""Reader of pickled dictionaries of arrays that runs no code of the file.

Body models are distributed as pickles, and a pickle is a program. Here every class or function in
it is replaced by a record of its arguments; names outside a short list are refused. Arrays are then
built from the raw numbers in the records.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fidip.core.errors import DataError, reason

Array = NDArray[np.generic]

_SPARSE = [f"{form}_{kind}" for form in ("csc", "csr", "coo") for kind in ("matrix", "array")]
_KNOWN: dict[str, str | tuple[str, ...]] = {
    "_reconstruct": "numpy.",
    "ndarray": "numpy",
    "dtype": "numpy",
    "scalar": "numpy.",
    "_frombuffer": "numpy.",
    **dict.fromkeys(_SPARSE, "scipy.sparse"),
    "Ch": "chumpy.",
    "Select": "chumpy.",
    "_reconstructor": "copy",
    "encode": "_codecs",
    "object": ("builtins", "__builtin__"),
    "set": ("builtins", "__builtin__"),
}
"""Allowed names, and how the name of their module must begin."""
_NUMBERS = frozenset("biuf")


class _Record:
    """Arguments and state of an object of the file."""

    name = ""

    def __new__(cls, *args: Any) -> _Record:
        self = super().__new__(cls)
        self.args, self.state = args, {}
        return self

    args: tuple[Any, ...]
    state: Any

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    """Pickle reader that replaces every class and function by a record."""

    def find_class(self, module: str, name: str) -> type[_Record]:
        if name not in _KNOWN or not module.startswith(_KNOWN[name]):
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return type(name, (_Record,), {"name": name})


def read_pickle(path: Path) -> dict[str, Array]:
    """Read the arrays of a pickled dictionary.

    Supports numeric arrays of NumPy (any version), sparse matrices of SciPy, and plain or selected
    arrays of chumpy, pickled by Python 2 or 3.

    Returns:
        Arrays by name, sparse matrices as dense ones; values that are not numeric are left out.

    Raises:
        DataError: the file is not such a pickle, or names any other class or function.
    """
    try:
        with path.open("rb") as file:
            content = _Unpickler(file, encoding="latin1").load()
        if not isinstance(content, dict):
            raise pickle.UnpicklingError("it holds no dictionary")
        values = {str(key): _array(value) for key, value in content.items()}
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # a broken pickle can raise anything
        raise DataError(
            f"{path}: cannot be read ({reason(error, 200)}); "
            "expected a pickled dictionary of arrays, such as SMPL or SMIL"
        ) from None
    return {name: value for name, value in values.items() if value is not None}


def _array(value: Any) -> Array | None:
    """Convert a value to a numeric array; None for anything else."""
    if isinstance(value, (bool, int, float)):
        return np.array(value)
    if not isinstance(value, _Record):
        return None
    if value.name in ("_reconstruct", "_frombuffer"):
        return _numpy(value)
    kind = value.args[0].name if value.name == "_reconstructor" else value.name
    if kind.endswith(("_matrix", "_array")):
        return _sparse(kind[:3], _fields(value))
    return _chumpy(_fields(value))


def _chumpy(state: dict[str, Any]) -> Array | None:
    """Convert a plain array of chumpy, or a selection of entries of another one."""
    if "x" in state:
        return _array(state["x"])
    if "a" not in state:
        return None
    whole, chosen = _array(state["a"]), _array(state["idxs"])
    shape = state.get("preferred_shape")
    if whole is None or chosen is None:
        return None
    return whole.ravel()[chosen].reshape(shape if shape else chosen.shape)


def _fields(record: _Record) -> dict[str, Any]:
    return record.state if isinstance(record.state, dict) else {}


def _numpy(record: _Record) -> Array | None:
    if record.name == "_frombuffer":
        raw, dtype, shape, order = record.args
    else:
        _, shape, dtype, fortran, raw = record.state
        order = "F" if fortran else "C"
    kind = _dtype(dtype)
    if kind is None:
        return None
    flat = np.frombuffer(_bytes(raw), dtype=kind)
    return flat.reshape(shape, order=order).astype(kind.newbyteorder("="))


def _dtype(record: _Record) -> np.dtype[Any] | None:
    """Return the type of plain numbers; None for objects, text and structures."""
    kind = np.dtype(str(record.args[0]))
    if kind.kind not in _NUMBERS:
        return None
    big = record.state and record.state[1] == ">"
    return kind.newbyteorder(">" if big else "<")


def _bytes(raw: Any) -> bytes:
    """Return raw numbers, which Python 2 and old protocols wrote as text."""
    if isinstance(raw, _Record):  # _codecs.encode(text, "latin1")
        raw = raw.args[0]
    if isinstance(raw, str):
        return raw.encode("latin1")
    return bytes(raw)


def _sparse(form: str, state: dict[str, Any]) -> Array | None:
    """Return a dense array from the fields of a "csc", "csr" or "coo" matrix."""
    shape = tuple(int(n) for n in state["_shape"])
    names = ("data", "row", "col") if form == "coo" else ("data", "indices", "indptr")
    if form == "coo" and "coords" in state:
        state = {**state, **dict(zip(names[1:], state["coords"], strict=True))}
    data, first, second = (_array(state[name]) for name in names)
    if form == "coo":
        return sparse.coo_matrix((data, (first, second)), shape).toarray()
    make = sparse.csc_matrix if form == "csc" else sparse.csr_matrix
    return make((data, first, second), shape).toarray()
