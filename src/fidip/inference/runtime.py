"""What computes heatmaps: PyTorch, or ONNX Runtime, which is faster on most CPUs."""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from fidip.codecs.base import Codec
from fidip.core.errors import CheckpointError, ConfigError, DiskError
from fidip.core.skeleton import COCO17
from fidip.inference.devices import torch_device
from fidip.inference.external_onnx import ExternalFile
from fidip.io.atomic import atomic_folder, require_folder
from fidip.io.paths import cache_dir
from fidip.nn import PoseNet, ViT
from fidip.nn.onnx_sessions import onnx_session, read_facts, run_onnx, try_onnx
from fidip.nn.portable_export import Portable, codec_of, write_onnx

RUNTIMES = ("torch", "onnx")


class Runtime(Protocol):
    """(B, 3, H, W) uint8 RGB crops, on any device, to the float32 maps of a codec."""

    def __call__(self, crops: Tensor) -> Tensor: ...


class TorchRuntime:
    """The network itself.

    Args:
        net: with its weights.
        device: where to compute; None for a GPU if there is one, else the CPU.

    Raises:
        ConfigError: there is no such device.
    """

    def __init__(self, net: PoseNet, device: str | None = None) -> None:
        self.device = torch_device(device)
        self.net = net.eval().to(self.device)

    @torch.inference_mode()
    def __call__(self, crops: Tensor) -> Tensor:
        images = self.net.normalize(crops.to(self.device))
        heatmaps: Tensor = self.net(images).heatmaps
        return heatmaps.float()


class OnnxRuntime:
    """A file of ``fidip export``, or of another program; see ``fidip.inference.external_onnx``.

    Attributes:
        codec: reads its maps.

    Args:
        path: the file.
        device: ``cpu`` or ``cuda``; None for the CPU.

    Raises:
        CheckpointError: it takes or gives something else than crops and maps.
    """

    def __init__(self, path: Path, device: str | None = None) -> None:
        session = onnx_session(path, device or "cpu")
        facts = read_facts(session, path)
        file = ExternalFile(session, path) if facts is None else ExportedFile(session, path, facts)
        self.codec = file.codec
        self._file: Runtime = file

    def __call__(self, crops: Tensor) -> Tensor:
        return self._file(crops)


class ExportedFile:
    """A file of ``fidip export``; arguments and errors as of ``ExternalFile``."""

    def __init__(self, session: Any, path: Path, facts: dict[str, Any]) -> None:
        self._session = session
        if (facts.get("input"), facts.get("outputs")) != ("pixels", ["heatmaps"]):
            raise CheckpointError(
                f"{path}: takes {facts.get('input')} and gives {facts.get('outputs')}; to predict "
                "with it, export it with input=pixels decode=false"
            )
        self.codec = codec_of(facts, path)
        width, height = self.codec.input_wh
        crop = torch.zeros(1, 3, height, width, dtype=torch.uint8)
        shapes = [tuple(output.shape) for output in try_onnx(session, path, crop)]
        expected = [(1, *self.codec.map_shape(len(COCO17)))]
        if shapes != expected:
            raise CheckpointError(
                f"{path}: gives outputs of shapes {shapes}; expected {expected}. Export it again"
            )

    def __call__(self, crops: Tensor) -> Tensor:
        return run_onnx(self._session, crops)[0]


def make_runtime(
    kind: str | None, net: PoseNet, codec: Codec, device: str | None = None
) -> Runtime:
    """What computes the heatmaps of ``net``.

    Args:
        kind: one of ``RUNTIMES``, where an ``onnx`` file is kept for the next time; None for
            ``best_runtime``.
        net: with its weights.
        codec: says the size of its crops.
        device: where to compute; None for the best there is.

    Raises:
        ConfigError: there is no such kind.
    """
    if kind is None:
        return best_runtime(net, codec, device)
    if kind not in RUNTIMES:
        raise ConfigError(f"runtime={kind} is not one of {', '.join(RUNTIMES)}")
    if kind == "torch":
        return TorchRuntime(net, device)
    return OnnxRuntime(cached_onnx(net, codec), device)


def best_runtime(net: PoseNet, codec: Codec, device: str | None = None) -> Runtime:
    """The faster runtime: ONNX Runtime for convolutional networks on a CPU, otherwise PyTorch.

    PyTorch also where ONNX Runtime is not installed, the file cannot be kept, or the network has an
    operation that cannot be exported.
    """
    if torch_device(device).type == "cpu" and _has_onnx() and not _is_transformer(net):
        with suppress(DiskError, torch.onnx.OnnxExporterError):
            return OnnxRuntime(cached_onnx(net, codec), "cpu")
    return TorchRuntime(net, device)


def _has_onnx() -> bool:
    return all(find_spec(name) for name in ("onnx", "onnxruntime", "onnxscript"))


def _is_transformer(net: PoseNet) -> bool:
    """Whether attention does the work, which ONNX Runtime computes no faster than PyTorch."""
    return isinstance(net.backbone, ViT)


def cached_onnx(net: PoseNet, codec: Codec) -> Path:
    """The ONNX file of a network, written where it is not there yet.

    Raises:
        DiskError: it cannot be written to the cache.
    """
    model = Portable(net, codec)
    folder = cache_dir() / "onnx" / _fingerprint(model)
    path = folder / "net.onnx"
    if not path.is_file():
        cache = f"cache {cache_dir()} (FIDIP_CACHE)"
        require_folder(folder, cache)
        with atomic_folder(folder, cache) as part:
            print("exporting the network for ONNX Runtime, once ...", file=sys.stderr)
            write_onnx(model, part / path.name)
    return path


def _fingerprint(model: Portable) -> str:
    """A name for what the file depends on: weights, layers, sizes and the exporter's version."""
    about = json.dumps([model.facts(), str(model.net), torch.__version__])
    digest = hashlib.sha256(about.encode())
    for name, tensor in sorted(model.net.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]
