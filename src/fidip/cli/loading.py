"""What a checkpoint is of: its network and codec, and what predicts with them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from fidip.cli import composition, instantiate
from fidip.cli.commands import SavedConfig
from fidip.cli.config_validation import find_problems
from fidip.codecs.base import Codec
from fidip.core.errors import CheckpointError, ConfigError, DiskError, RunError
from fidip.inference import Predictor
from fidip.inference.devices import torch_device
from fidip.inference.runtime import OnnxRuntime, make_runtime
from fidip.io.run_directory import RunDirectory
from fidip.io.yaml import to_yaml
from fidip.nn import PoseNet
from fidip.nn.weights.architecture import net_of
from fidip.nn.weights.checkpoint_files import Weights, read_weights
from fidip.nn.weights.model_zoo import (
    BUNDLED,
    DEFAULT,
    ONNX,
    ZOO,
    ZooEntry,
    entries,
    entry_of,
    fetch,
    is_named,
)
from fidip.nn.weights.net_weights import fill

NEEDED = ("data", "net", "codec", "task")
"""Parts of a run's configuration without a default."""
FAST, ACCURATE = "zoo:fast", "zoo:accurate"
"""The weights that predict by default; see ``default_ckpt``."""
log = logging.getLogger(__name__)


def load_predictor(
    ckpt: str | None = None,
    *,
    runtime: str | None = None,
    device: str | None = None,
    flip_test: bool = True,
    rotation_test: Sequence[float] = (),
) -> Predictor:
    """Return a predictor with the weights, network and codec of a pretrained model.

    Args:
        ckpt: ``bundled``, ``zoo:NAME``, a run directory or a checkpoint in one, a file or folder
            of a ViTPose, or an ONNX file of ``fidip export`` or of the kinds that rtmlib reads;
            None for the most accurate model on this computer, see ``default_ckpt``.
        runtime: ``torch`` or ``onnx``; None for the faster one, see ``best_runtime``.
        device: ``cpu``, ``cuda`` or ``cuda:N``; None for a GPU if there is one.
        flip_test: average with the mirrored image.
        rotation_test: average with windows rotated by these angles in degrees.

    Raises:
        ConfigError: it is not known which network the weights are of.
        CheckpointError: there are no such weights, or of another network.
    """
    ckpt = ckpt or default_ckpt(device=device)
    return predictor_of(ckpt, runtime, device).with_averages(flip_test, rotation_test)


def predictor_of(
    ckpt: str, runtime: str | None, device: str | None, config: DictConfig | None = None
) -> Predictor:
    """Return the predictor of a pretrained model, which averages with the mirrored image.

    Args:
        ckpt: as for ``load_predictor``.
        runtime: as for ``load_predictor``.
        device: as for ``load_predictor``.
        config: names network and codec of weights outside a run directory.
    """
    file = onnx_file(ckpt)
    if file is None:
        return net_with_predictor(ckpt, runtime, device, config)[1]
    in_file = OnnxRuntime(file, device)
    return Predictor(in_file, in_file.codec, flip_shift=shifts_when_flipped(ckpt))


def net_with_predictor(
    ckpt: str, runtime: str | None, device: str | None, config: DictConfig | None = None
) -> tuple[PoseNet, Predictor]:
    """Return the network of a checkpoint, in evaluation mode, and its predictor.

    Args:
        ckpt: as for ``load_predictor``, but no ONNX file.
        runtime: as for ``load_predictor``.
        device: as for ``load_predictor``.
        config: as for ``predictor_of``.
    """
    net, codec = load_net(ckpt, config)
    maps = make_runtime(runtime, net.eval(), codec, device)
    return net, Predictor(maps, codec, flip_shift=shifts_when_flipped(ckpt))


def shifts_when_flipped(ckpt: str) -> bool:
    """Return ``task.flip_shift`` of the run that a checkpoint belongs to; False for no run."""
    run = run_of(ckpt)
    task = run.read_config().get("task") if run is not None else None
    return isinstance(task, dict) and task.get("flip_shift") is True


def onnx_file(ckpt: str) -> Path | None:
    """Return the ONNX file that ``ckpt`` names, or None if it names other weights.

    Raises:
        CheckpointError: it is a file of the zoo that cannot be downloaded.
    """
    known = zoo_entry(ckpt)
    if known is not None and known.is_onnx:
        return fetch(known)
    return Path(ckpt) if ckpt.endswith(ONNX) else None


def default_ckpt(has_video: bool = False, device: str | None = None) -> str:
    """Return the weights to use if none are named, and log why.

    They are ``ACCURATE`` with a GPU and for photographs. They are ``FAST`` for videos on a CPU, on
    which ``ACCURATE`` processes one or two frames per second, and if ``ACCURATE`` cannot be
    downloaded.

    Args:
        has_video: whether a video or a camera is among the inputs.
        device: ``cpu``, ``cuda`` or ``cuda:N``; None for a GPU if there is one.
    """
    if has_video and torch_device(device).type == "cpu":
        reason = f"videos on a CPU use {FAST} by default"
        hint = f"ckpt={ACCURATE} is more accurate and many times slower"
    else:
        try:
            fetch(entry_of(ACCURATE))
            return ACCURATE
        except (CheckpointError, DiskError):
            reason = f"{ACCURATE} is not here and cannot be downloaded, so {FAST} is used"
            hint = f"'fidip zoo fetch={ACCURATE.removeprefix(ZOO)}' says how to get it"
    log.info("%s (%s); %s", reason, entry_of(FAST).note, hint)
    return FAST


def load_net(ckpt: str, config: DictConfig | None = None) -> tuple[PoseNet, Codec]:
    """Return the network of a checkpoint with its weights, and its codec."""
    run = RunDirectory(Path(ckpt))
    weights = read_weights(run.weights() if run.config.is_file() else ckpt)
    trained = checkpoint_settings(ckpt, weights, config)
    saved = run_of(ckpt)
    source = saved.config if saved else None
    net: PoseNet = instantiate(trained.net, source=source)
    codec: Codec = instantiate(trained.codec, source=source)
    report = fill(net, weights, bool(config and config.allow_partial))
    if report.missing:
        log.info("%s", report)
    return net, codec


def checkpoint_settings(
    ckpt: str, weights: Weights, config: DictConfig | None = None
) -> DictConfig:
    """Return the configuration with the network and the codec of a checkpoint.

    Raises:
        ConfigError: it lies in no run directory, is not known, and no experiment is named.
    """
    run = run_of(ckpt)
    if run is not None:
        return saved_config(run, ("net", "codec"))
    if config is not None and config.name != "unnamed":
        return config
    known = zoo_entry(ckpt) or entry_of_net(weights)
    if known is not None:
        return training_config(known.choices)
    raise ConfigError(
        f"ckpt={ckpt} lies in no run directory; give its net and codec with experiment=NAME"
    )


def saved_config(
    run: RunDirectory,
    parts: Sequence[str] = tuple(SavedConfig.model_fields),
    overrides: Sequence[str] = (),
) -> DictConfig:
    """Return the configuration of a run, which may come from an unknown source.

    Args:
        run: the run.
        parts: the parts that the caller builds; others are not checked.
        overrides: settings ``a.b=value`` that replace those of the run.

    Raises:
        RunError: it cannot be read, has wrong values, or names targets that are not allowed.
    """
    settings = run.read_config()
    if "${" in to_yaml(settings):
        raise RunError(f"{run.config}: holds interpolations (${{...}}); expected plain values")
    saved = OmegaConf.create(settings)
    problems = find_problems(SavedConfig, OmegaConf.masked_copy(saved, list(parts)))
    absent = [part for part in parts if part in NEEDED and not saved.get(part)]
    problems += [f"{part} is not set; expected what fidip train writes" for part in absent]
    problems += [
        f"{key}={folder}: expected a folder below the run directory"
        for key, folder in written_to(saved)
        if not Path(folder).resolve().is_relative_to(run.root.resolve())
    ]
    if problems:
        raise RunError(f"{run.config}: {'; '.join(problems)}")
    dotted = [override for override in overrides if "." in override.partition("=")[0]]
    dotted += [copy for override in dotted for copy in _copies(override, saved)]
    merged = OmegaConf.merge(saved, OmegaConf.from_dotlist(dotted))
    assert isinstance(merged, DictConfig)
    return merged


def _copies(override: str, saved: DictConfig) -> Iterator[str]:
    """Yield a setting for the places that refer to it in ``conf``, where a run has copies."""
    key, _, value = override.partition("=")
    if OmegaConf.select(saved, f"task.{key}") is not None:
        yield f"task.{key}={value}"
    if key == "codec.input_wh":
        yield f"data.input_wh={value}"


def written_to(config: DictConfig) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of the folders that a resumed run writes to."""
    for group, name in (("callbacks", "folder"), ("logger", "save_dir")):
        for part, settings in (config.get(group) or {}).items():
            if isinstance(settings, DictConfig) and name in settings:
                yield f"{group}.{part}.{name}", str(settings[name])


def run_of(ckpt: str) -> RunDirectory | None:
    """Return the run of a run directory or of a checkpoint in it, or None for other weights."""
    return None if is_named(ckpt) else RunDirectory.of_checkpoint(ckpt)


def require_trainable(ckpt: str) -> None:
    """Raise ConfigError if weights cannot be trained.

    Args:
        ckpt: weights as in ``ckpt=``.
    """
    if onnx_file(ckpt) is not None:
        raise ConfigError(
            f"ckpt={ckpt}: an ONNX file cannot be trained; expected a run directory, a checkpoint "
            "or zoo:NAME. Choose other weights"
        )


def zoo_entry(ckpt: str) -> ZooEntry | None:
    """Return the zoo's entry of weights with a name, or None for other weights."""
    if ckpt == DEFAULT or ckpt.startswith(ZOO):
        return entry_of(ckpt)
    same = ckpt.replace("_", "-")  # in names of bundled weights
    found = (e for e in entries().values() if e.source.replace("_", "-") == same)
    return next(found, None) if ckpt.startswith(BUNDLED) else None


def entry_of_net(weights: Weights) -> ZooEntry | None:
    """Return an entry with the net of a ViTPose or MoveNet file, because these have one codec."""
    net = net_of(weights.tensors) or ""
    of_net = (entry for entry in entries().values() if entry.net == net)
    return next(of_net, None) if net.startswith(("vitpose", "movenet")) else None


def training_config(overrides: Sequence[str]) -> DictConfig:
    """Return the configuration of a training run."""
    return composition.composed("train", overrides)
