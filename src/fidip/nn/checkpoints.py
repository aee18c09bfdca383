"""Weights from and to files.

Reads the checkpoints of ``fidip train`` and ``.safetensors`` files, and never runs code that a
file contains. ``bundled:NAME`` stands for weights that ship with the package.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fidip.errors import CheckpointError

BUNDLED = "bundled:"
NET = "net."
"""Prefix of the network's tensors among those of a task."""

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class LoadReport:
    """How a file's tensors compare with a network's.

    Attributes:
        path: the file.
        loaded: names that both have.
        unused: names that only the file has.
        missing: names that only the network has.
    """

    path: Path
    loaded: tuple[str, ...]
    unused: tuple[str, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        rest = f"; unused: {_some(self.unused)}" if self.unused else ""
        return f"weights: {len(self.loaded)} tensors from {self.path}{rest}"


def load_weights(net: nn.Module, ckpt: str | Path) -> LoadReport:
    """Fill every tensor of ``net`` from a file.

    Args:
        net: the network.
        ckpt: a ``.ckpt`` of ``fidip train``, a ``.safetensors`` file, or ``bundled:NAME``.

    Raises:
        CheckpointError: the file is missing, unreadable, or does not fit the network. The
            network is then as it was.
    """
    path = resolve(str(ckpt))
    weights = READERS[path.suffix](path)
    own = net.state_dict()
    report = LoadReport(
        path,
        loaded=tuple(name for name in own if name in weights),
        unused=tuple(sorted(name for name in weights if name not in own)),
        missing=tuple(name for name in own if name not in weights),
    )
    _check_fit(report, own, weights)
    net.load_state_dict({name: weights[name] for name in report.loaded})
    return report


def save_weights(net: nn.Module, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the tensors of ``net`` to a ``.safetensors`` file, with strings that tell of them."""
    weights = {name: tensor.detach().contiguous() for name, tensor in net.state_dict().items()}
    save_file(weights, path, dict(metadata))


def resolve(ckpt: str) -> Path:
    """The existing file that ``ckpt`` stands for, of a kind that can be read.

    Raises:
        CheckpointError: there is none.
    """
    path = _bundled(ckpt.removeprefix(BUNDLED)) if ckpt.startswith(BUNDLED) else Path(ckpt)
    if not path.is_file():
        raise CheckpointError(f"ckpt={ckpt}: there is no such file")
    if path.suffix not in READERS:
        raise CheckpointError(f"ckpt={ckpt}: weights are read from {' or '.join(READERS)} files")
    return path


def _bundled(name: str) -> Path:
    folder = Path(str(files("fidip") / "weights"))
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in folder.glob("*.safetensors"))) or "none"
        raise CheckpointError(f"ckpt={BUNDLED}{name}: the package ships no such weights ({names})")
    return path


def read_lightning(path: Path) -> Weights:
    """The network's tensors in a checkpoint of ``fidip train``.

    Raises:
        CheckpointError: it is not one, or it holds code.
    """
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path}: not a checkpoint, or cut short")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: holds Python objects, which could run code; only weights are read"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: not a checkpoint, or damaged") from error
    state = checkpoint.get("state_dict") if isinstance(checkpoint, dict) else None
    tensors = state if isinstance(state, dict) else {}
    weights = {name.removeprefix(NET): t for name, t in tensors.items() if name.startswith(NET)}
    if not weights:
        raise CheckpointError(f"{path}: holds no tensors named state_dict.{NET}*, as fidip writes")
    return weights


def read_safetensors(path: Path) -> Weights:
    """The tensors of a safetensors file.

    Raises:
        CheckpointError: it is not one.
    """
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file, or cut short ({error})") from error


READERS: dict[str, Callable[[Path], Weights]] = {
    ".ckpt": read_lightning,
    ".safetensors": read_safetensors,
}


def _check_fit(report: LoadReport, own: Weights, weights: Weights) -> None:
    """Raises CheckpointError unless every tensor of the network is there in its shape."""
    if report.missing:
        raise CheckpointError(
            f"{report.path}: has no {_some(report.missing)}; these are another network's weights, "
            "choose the net= that they were trained with"
        )
    wrong = [
        f"{name} {tuple(weights[name].shape)} instead of {tuple(own[name].shape)}"
        for name in report.loaded
        if weights[name].shape != own[name].shape
    ]
    if wrong:
        raise CheckpointError(f"{report.path}: wrong shapes: {_some(wrong)}")


def _some(names: Iterable[str], most: int = 3) -> str:
    """The first few of many, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
