"""Weights of networks: filled from a file, and written to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save
from torch import nn

from fidip.core.errors import CheckpointError
from fidip.io.atomic import write_atomic
from fidip.nn.weights.architecture import net_of
from fidip.nn.weights.checkpoint_files import Tensors, Weights, read_weights, some_names


@dataclass(frozen=True)
class LoadReport:
    """Comparison of a file's tensors with those of a network.

    Attributes:
        path: the file.
        family: naming scheme of the file.
        loaded: the network's names of loaded tensors.
        unused: the file's names of tensors that were not loaded.
        missing: the network's names of tensors that the file lacks or has in another shape.
    """

    path: Path
    family: str
    loaded: tuple[str, ...]
    unused: tuple[str, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{'warning: partial ' if self.missing else ''}weights: {len(self.loaded)} tensors "
            f"loaded from {self.path} ({self.family}), "
            f"{_counted('unused', self.unused)}, {_counted('missing', self.missing)}"
        )


def load_weights(net: nn.Module, ckpt: str | Path, allow_partial: bool = False) -> LoadReport:
    """Load all tensors of a network from a file.

    Args:
        net: the network; changed in place.
        ckpt: as for ``read_weights``.
        allow_partial: load the tensors that fit and keep the others of ``net``.

    Returns:
        Which tensors were loaded.

    Raises:
        CheckpointError: the file is missing, unreadable or does not fit the network. The network is
            unchanged.
    """
    return fill(net, read_weights(ckpt), allow_partial)


def fill(net: nn.Module, weights: Weights, allow_partial: bool = False) -> LoadReport:
    """Copy weights into a network.

    Args:
        net: the network; changed in place.
        weights: weights from ``read_weights``.
        allow_partial: as for ``load_weights``.

    Returns:
        Which tensors were copied.

    Raises:
        CheckpointError: the weights do not fit the network, are of one with BatchNorm layers that
            it lacks, or are NaN or infinite. The network is unchanged.
    """
    own, theirs = net.state_dict(), weights.tensors
    fitting = {n: theirs[n] for n in own if n in theirs and theirs[n].shape == own[n].shape}
    report = LoadReport(
        weights.path,
        weights.family,
        loaded=tuple(fitting),
        unused=(*(weights.names[n] for n in theirs if n not in fitting), *weights.others),
        missing=tuple(
            n
            for n in own
            if n not in fitting and not _is_count(n) and not _is_optional(net, n, theirs)
        ),
    )
    if report.missing and not (allow_partial and any(not _is_count(n) for n in fitting)):
        raise CheckpointError(f"{report.path}: {_misfit(report, own, theirs)}")
    lost = _lost_norms(own, theirs)
    if lost and not allow_partial:
        raise CheckpointError(
            f"{report.path}: has {len(lost)} BatchNorm layers that the network lacks "
            f"({some_names(lost)}), without which the other weights mean something else; expected "
            "the network that they were trained with. Choose its net= settings"
        )
    broken = [name for name, tensor in fitting.items() if not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(
            f"{report.path}: {len(broken)} of {len(fitting)} tensors hold NaN or infinite values "
            f"({some_names(broken)}), as after a training run that diverged; give another "
            "checkpoint"
        )
    net.load_state_dict({**own, **fitting})
    return report


def _is_optional(net: nn.Module, name: str, given: Tensors) -> bool:
    """Whether a tensor is of a part that the network does not need and the weights lack."""
    part = f"{name.partition('.')[0]}."
    optional: tuple[str, ...] = getattr(net, "optional_parts", ())
    return part[:-1] in optional and not any(other.startswith(part) for other in given)


def _lost_norms(own: Tensors, theirs: Tensors) -> list[str]:
    """Return the BatchNorm layers that are in the weights, and not in the network beside a layer.

    Those of parts that the network lacks as a whole, such as a classifier's, are not among them.
    """
    blocks = {name.rpartition(".")[0].rpartition(".")[0] for name in own}
    norms = [name.rpartition(".")[0] for name in theirs if name.endswith(".running_mean")]
    missing = [norm for norm in norms if f"{norm}.running_mean" not in own]
    return [norm for norm in missing if norm.rpartition(".")[0] in blocks]


def save_weights(net: nn.Module, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the tensors of a network to a ``.safetensors`` file.

    Args:
        net: the network.
        path: the file.
        metadata: strings that describe the weights.

    Raises:
        DiskError: the file cannot be written.
    """
    weights = {name: tensor.detach().contiguous() for name, tensor in net.state_dict().items()}
    write_atomic(path, lambda file: file.write(save(weights, dict(metadata))))


def _is_count(name: str) -> bool:
    """Return whether a tensor counts BatchNorm batches; PyTorch before 0.4.1 did not save it."""
    return name.endswith(".num_batches_tracked")


def _misfit(report: LoadReport, own: Tensors, theirs: Tensors) -> str:
    """Return why a file does not fit a network, and what to do."""
    net = net_of(theirs)
    if net and net != net_of(own):
        return f"weights of another net than the configured one ({report.family}); give net={net}"
    wrong = [
        f"{name} {tuple(theirs[name].shape)} instead of {tuple(own[name].shape)}"
        for name in report.missing
        if name in theirs
    ]
    problem = (
        f"wrong shapes: {some_names(wrong)}" if wrong else f"has no {some_names(report.missing)}"
    )
    if net:
        return (
            f"{problem}; train with allow_partial=true to start from the other "
            f"{len(report.loaded)} tensors"
        )
    return (
        f"{problem}; these are another network's weights, choose the net= that they were "
        "trained with"
    )


def _counted(what: str, names: tuple[str, ...]) -> str:
    return f"{len(names)} {what}" + (f" ({some_names(names)})" if names else "")
