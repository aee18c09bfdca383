"""Runtimes of pose networks: PyTorch, and ONNX Runtime, which is faster on most CPUs."""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from fidip.codecs.base import Codec
from fidip.core.errors import ArgumentError, CheckpointError, DiskError
from fidip.core.skeleton import COCO17
from fidip.inference.devices import torch_device
from fidip.inference.external_onnx import ExternalFile
from fidip.io.atomic import atomic_folder, require_folder
from fidip.io.paths import cache_dir
from fidip.nn import HeatmapFusion, PoseNet, SequenceNet
from fidip.nn.codec_facts import codec_of
from fidip.nn.export_formats import write_onnx
from fidip.nn.onnx_sessions import onnx_session, read_facts, run_onnx, try_onnx
from fidip.nn.portable_export import Portable

log = logging.getLogger(__name__)
RUNTIMES = ("torch", "onnx")
"""Names of the runtimes."""


class Runtime(Protocol):
    """Interface of runtimes, from (B, 3, H, W) uint8 RGB crops to the float32 maps of a codec."""

    def __call__(self, crops: Tensor) -> Tensor:
        """Return the maps of (B, 3, H, W) uint8 RGB crops."""
        ...


class TorchRuntime:
    """Runtime with PyTorch.

    Args:
        net: network with its weights.
        device: compute device; None for a GPU if available, else the CPU.

    Raises:
        ConfigError: the device is not available.
    """

    def __init__(self, net: PoseNet, device: str | None = None) -> None:
        self.device = torch_device(device)
        self.net = net.eval().to(self.device)

    @torch.inference_mode()
    def __call__(self, crops: Tensor) -> Tensor:
        """Return the maps of (B, 3, H, W) uint8 RGB crops."""
        images = self.net.normalize(crops.to(self.device))
        heatmaps: Tensor = self.net(images).heatmaps
        return heatmaps.float()


class OnnxRuntime:
    """Runtime with ONNX Runtime, for files of ``fidip export`` or of other programs.

    See ``fidip.inference.external_onnx`` for the files of other programs.

    Attributes:
        codec: codec of the maps.

    Args:
        path: ONNX file.
        device: ``cpu``, ``cuda`` or ``cuda:N``; None for the CPU.

    Raises:
        ConfigError: onnxruntime is not installed, or does not support the device.
        CheckpointError: inputs or outputs are not supported.
    """

    def __init__(self, path: Path, device: str | None = None) -> None:
        session = onnx_session(path, device or "cpu")
        facts = read_facts(session, path)
        file = ExternalFile(session, path) if facts is None else ExportedFile(session, path, facts)
        self.codec = file.codec
        self._file: Runtime = file

    def __call__(self, crops: Tensor) -> Tensor:
        """Return the maps of (B, 3, H, W) uint8 RGB crops."""
        return self._file(crops)


class ExportedFile:
    """ONNX file of ``fidip export`` as a runtime.

    Attributes:
        codec: codec of the maps.

    Args:
        session: ONNX Runtime session of the file.
        path: path of the file, for messages.
        facts: metadata of the file.

    Raises:
        CheckpointError: inputs or outputs are not supported.
    """

    def __init__(self, session: Any, path: Path, facts: dict[str, Any]) -> None:
        self._session = session
        if (facts.get("input"), facts.get("outputs")) != ("pixels", ["heatmaps"]):
            raise CheckpointError(
                f"{path}: input {facts.get('input')} and outputs {facts.get('outputs')}; expected "
                "pixels and ['heatmaps']. Export it with input=pixels decode=false"
            )
        self.codec = codec_of(facts, path)
        width, height = self.codec.input_wh
        crop = torch.zeros(1, 3, height, width, dtype=torch.uint8)
        shapes = [tuple(output.shape) for output in try_onnx(session, path, crop)]
        expected = [(1, *self.codec.map_shape(len(COCO17)))]
        if shapes != expected:
            raise CheckpointError(
                f"{path}: outputs have shapes {shapes}; expected {expected}. Export it again"
            )

    def __call__(self, crops: Tensor) -> Tensor:
        """Return the maps of (B, 3, H, W) uint8 RGB crops."""
        return run_onnx(self._session, crops)[0]


class SequenceRuntime:
    """Runtime of a ``SequenceNet``: single frames as they are, and windows of frames fused.

    Args:
        frames: computes the maps of single frames.
        fusion: fuses them, on the device of the maps.
    """

    def __init__(self, frames: Runtime, fusion: HeatmapFusion) -> None:
        self.frames = frames
        self.fusion = fusion.eval()

    @torch.inference_mode()
    def __call__(self, crops: Tensor) -> Tensor:
        """Return maps.

        Args:
            crops: (B, 3, H, W) uint8 RGB crops, or (B, T, 3, H, W) windows of T frames.

        Returns:
            Maps of the B crops, or of the target frames of the B windows.
        """
        if crops.ndim == 4:
            return self.frames(crops)
        maps: Tensor = self.fusion(self.frames(crops.flatten(0, 1)).unflatten(0, crops.shape[:2]))
        return maps


def make_runtime(
    runtime: str | None, net: PoseNet, codec: Codec, device: str | None = None
) -> Runtime:
    """Return a runtime for a network.

    Args:
        runtime: one of ``RUNTIMES``; None for ``best_runtime``. The file of ``onnx`` is cached.
        net: network with its weights.
        codec: codec of its maps.
        device: compute device; None for the fastest available one.

    Raises:
        ArgumentError: the runtime is unknown.
    """
    frames = _frame_runtime(runtime, net, codec, device)
    return SequenceRuntime(frames, net.fusion) if isinstance(net, SequenceNet) else frames


def _frame_runtime(runtime: str | None, net: PoseNet, codec: Codec, device: str | None) -> Runtime:
    if runtime is None:
        return best_runtime(net, codec, device)
    if runtime not in RUNTIMES:
        raise ArgumentError("runtime", runtime, f"expected one of {', '.join(RUNTIMES)}")
    if runtime == "torch":
        return TorchRuntime(net, device)
    return OnnxRuntime(cached_onnx(net, codec), device)


def best_runtime(net: PoseNet, codec: Codec, device: str | None = None) -> Runtime:
    """Return the faster runtime for a network.

    ONNX Runtime is faster for convolutional networks on a CPU, otherwise PyTorch.

    PyTorch is also used if ONNX Runtime is not installed, the file cannot be cached, or an
    operation of the network cannot be exported.

    Args:
        net: network with its weights.
        codec: codec of its maps.
        device: compute device; None for a GPU if available, else the CPU.
    """
    if torch_device(device).type == "cpu" and _has_onnx() and not _is_transformer(net):
        with suppress(DiskError, torch.onnx.OnnxExporterError):
            return OnnxRuntime(cached_onnx(net, codec), "cpu")
    return TorchRuntime(net, device)


def _has_onnx() -> bool:
    return all(find_spec(name) for name in ("onnx", "onnxruntime", "onnxscript"))


def _is_transformer(net: PoseNet) -> bool:
    """Return whether a network is a transformer, for which ONNX Runtime is not faster."""
    return hasattr(net.backbone, "pos_embed")


def cached_onnx(net: PoseNet, codec: Codec) -> Path:
    """Return the ONNX file of a network in the cache; export the network if there is none.

    Args:
        net: network with its weights.
        codec: codec of its maps.

    Raises:
        DiskError: the file cannot be written to the cache.
    """
    model = Portable(net, codec)
    folder = cache_dir() / "onnx" / _fingerprint(model)
    path = folder / "net.onnx"
    if not path.is_file():
        cache = f"cache {cache_dir()} (FIDIP_CACHE)"
        require_folder(folder, cache)
        with atomic_folder(folder, cache, kept_with=path.name) as part:
            log.info("exporting the network for ONNX Runtime, once ...")
            write_onnx(model, part / path.name)
    return path


def _fingerprint(model: Portable) -> str:
    """Return a hash of weights, layers, sizes and the version of the exporter."""
    about = json.dumps([model.facts(), str(model.net), torch.__version__, net_digest(model.net)])
    return hashlib.sha256(about.encode()).hexdigest()[:32]


def net_digest(net: PoseNet) -> str:
    """Return a hash of the names and values of a network's weights.

    Args:
        net: the network.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]
