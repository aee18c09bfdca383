"""Files of weights.

Reads files of PyTorch, safetensors and TF.js with the names in ``fidip.nn.weights.families``, and
never runs code that a file contains. ``zoo:NAME`` and ``bundled:NAME`` stand for files of the model
zoo, see ``fidip.nn.weights.model_zoo``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.serialization import safe_globals

from fidip.core.errors import CheckpointError
from fidip.io.run_directory import RunDirectory
from fidip.nn.weights.families import family_of
from fidip.nn.weights.model_zoo import BUNDLED, DEFAULT, ONNX, ZOO, bundled, entry_of, fetch
from fidip.nn.weights.tfjs import is_tfjs, read_tfjs

TRAINING_IMAGES = "training_images"
"""Key of the image hashes in the state of the data module in checkpoints."""

STATES = ("best_state_dict", "state_dict")
"""Keys of a checkpoint that may hold the network's weights; the first one found is used."""

# Checkpoints may hold scores and colours as NumPy scalars and arrays. Files written before NumPy 2
# name its module without the underscore.
NUMBERS: list[Any] = [
    np.ndarray,
    np.dtype,
    *{type(np.dtype(code)) for code in np.typecodes["AllInteger"] + "?efd"},
    *(
        (make, f"numpy.{module}.multiarray.{name}")
        for name, value in (("scalar", np.float64()), ("_reconstruct", np.empty(0)))
        for make in (value.__reduce__()[0],)
        for module in ("core", "_core")
    ),
]

IN_FOLDERS = "model.safetensors"
"""Name of the weights in a folder of ``transformers``."""

NAMED = 3
"""Number of names in a message; the others are counted."""

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Weights:
    """Weights of a file under fidip's names.

    Attributes:
        path: the file.
        family: naming scheme of the file.
        tensors: tensors by their names in fidip's networks.
        names: the file's names by fidip's names.
        others: other entries with tensors, such as ``domain_classifier.*``, which are not read.
    """

    path: Path
    family: str
    tensors: Tensors
    names: dict[str, str]
    others: tuple[str, ...]


def read_weights(ckpt: str | Path, setting: str = "ckpt") -> Weights:
    """Read the tensors of a file and rename them to fidip's names.

    Args:
        ckpt: a file of one of ``fidip.nn.weights.families.FAMILIES``, a run directory, a folder of
            ``transformers``, ``zoo:NAME``, ``bundled:NAME``, or ``bundled``.
        setting: configuration key of the file, for messages.

    Returns:
        The renamed weights.

    Raises:
        CheckpointError: the file is missing, or contains no tensors.
    """
    path = resolve_ckpt(str(ckpt), setting)
    tensors, others = _split(_read(path))
    if not tensors:
        raise CheckpointError(
            f"{path}: holds no tensors; they are looked for in {', '.join(STATES)} and outermost"
        )
    odd = [name for name, tensor in tensors.items() if not _is_plain(tensor)]
    if odd:
        raise CheckpointError(
            f"{path}: {len(odd)} of {len(tensors)} tensors are sparse, complex, quantized or "
            f"nested ({some_names(odd)}); expected dense real tensors. Save the plain state_dict"
        )
    family = family_of(tensors)
    names = {family.ours(name): name for name in tensors}
    ours = family.join({new: tensors[old] for new, old in names.items()})
    return Weights(path, family.title, ours, {name: names.get(name, name) for name in ours}, others)


def training_images(ckpt: str | Path) -> frozenset[str] | None:
    """Return the hashes of the images that weights were trained on; None if the file lacks them.

    Checkpoints of ``fidip train`` have them, including those of the weights that training started
    from; external checkpoints and exported ``.safetensors`` files do not.

    Args:
        ckpt: as for ``read_weights``.

    Raises:
        CheckpointError: the file is missing or unreadable.
    """
    content = _read(resolve_ckpt(str(ckpt)))
    entries = content.values() if isinstance(content, dict) else ()
    found = [entry.get(TRAINING_IMAGES) for entry in entries if isinstance(entry, dict)]
    return next((frozenset(map(str, f)) for f in found if isinstance(f, list)), None)


def resolve_ckpt(ckpt: str, setting: str = "ckpt") -> Path:
    """Return the existing file that ``ckpt`` stands for; files of the zoo are downloaded if needed.

    Args:
        ckpt: as for ``read_weights``.
        setting: configuration key of the file, for messages.

    Raises:
        CheckpointError: there is no such file.
        ConfigError: the zoo has no such name.
    """
    if ckpt == DEFAULT or ckpt.startswith(ZOO):
        return fetch(entry_of(ckpt, f"{setting}={ckpt}"))
    if ckpt.startswith(BUNDLED):
        return bundled(ckpt.removeprefix(BUNDLED))
    path = Path(ckpt)
    if (path / IN_FOLDERS).is_file():
        return path / IN_FOLDERS
    run = RunDirectory(path)
    if run.config.is_file():
        return run.weights()
    if not path.is_file():
        raise CheckpointError(
            f"{setting}={ckpt}: {_what_is_there(path)}; expected a file of weights, a run "
            "directory, or zoo:NAME"
        )
    return path


def _what_is_there(path: Path) -> str:
    if path.is_dir():
        return "the folder holds no run of fidip train (no config.yaml)"
    return "not a regular file" if path.exists() else "there is no such file"


def _read(path: Path) -> object:
    """Return the content of a file of PyTorch (zipped or legacy), safetensors or TF.js.

    Raises:
        CheckpointError: the file has another format, or contains more than numbers.
    """
    if path.name.endswith(ONNX):
        raise CheckpointError(
            f"{path}: an ONNX file, which can only predict; expected weights of PyTorch, "
            "safetensors or TF.js. Use it with fidip predict, or choose another ckpt="
        )
    if is_tfjs(path):
        return read_tfjs(path)
    try:
        if _is_safetensors(path):
            return load_file(path)
        with warnings.catch_warnings(), safe_globals(NUMBERS):
            warnings.simplefilter("ignore")  # such files are refused anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle may raise any class
        code = re.search(r"(?:GLOBAL |got <class ')([\w.]+)", str(error))
        if code:
            raise CheckpointError(
                f"{path}: holds the Python object {code[1]}, which could run code; only weights "
                "are read: save only the state_dict where the file was created"
            ) from error
        raise CheckpointError(
            f"{path}: not a checkpoint of PyTorch or safetensors, or cut short"
        ) from error


def _is_safetensors(path: Path) -> bool:
    """Return whether JSON follows the eight bytes of the header's length."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _split(content: object) -> tuple[Tensors, tuple[str, ...]]:
    """Return the network's tensors, and the names of other entries with tensors."""
    if not isinstance(content, dict):
        return {}, ()
    states = [name for name in STATES if isinstance(content.get(name), dict)]
    state = content[states[0]] if states else content
    tensors = {
        str(name).removeprefix("module."): value  # of DataParallel
        for name, value in state.items()
        if isinstance(value, Tensor)
    }
    others = (name for name, entry in content.items() if name not in states and _has_tensors(entry))
    return tensors, tuple(f"{name}.*" for name in others)


def _is_plain(tensor: Tensor) -> bool:
    is_dense = tensor.layout == torch.strided and not tensor.is_nested and not tensor.is_meta
    return is_dense and not tensor.is_complex() and not tensor.is_quantized


def _has_tensors(entry: object) -> bool:
    return isinstance(entry, dict) and any(isinstance(value, Tensor) for value in entry.values())


def some_names(names: Iterable[str]) -> str:
    """Return the first few names and the number of the others.

    Args:
        names: the names.

    Example:
        >>> some_names("abcde")
        'a, b, c and 2 more'
    """
    names = list(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
