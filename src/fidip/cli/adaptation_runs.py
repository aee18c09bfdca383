"""Start and training runs of ``fidip adapt``, as configurations of ``fidip train``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from fidip.cli.adaptation_dataset import data_folder
from fidip.cli.adaptation_plan import Plan
from fidip.cli.commands import Train
from fidip.cli.composition import choice
from fidip.cli.evaluation_scores import predict_boxes
from fidip.cli.evaluation_settings import EVALUATED, weights_file
from fidip.cli.loading import (
    checkpoint_settings,
    entry_of_net,
    require_trainable,
    run_of,
    saved_config,
    zoo_entry,
)
from fidip.cli.targets import instantiate
from fidip.codecs.base import Codec
from fidip.core.errors import ConfigError
from fidip.core.people import People
from fidip.core.poses import Poses
from fidip.core.skeleton import COCO17
from fidip.data import count_leaked
from fidip.data.adaptation_data import TEST, UNLABELLED, train_split
from fidip.io.run_directory import RunDirectory
from fidip.io.run_settings import AUTO
from fidip.nn import PoseNet
from fidip.nn.optimization import PoseLoss
from fidip.nn.weights.checkpoint_files import read_weights, training_images
from fidip.nn.weights.net_weights import load_weights
from fidip.report.scoring import results_of, score_poses, write_results

FULL = "_full"
"""Suffix of MoveNet's nets with four heads; only the net with heatmaps is trained."""
START = "start"
"""Name of the folder with the scores of the start weights."""
TRAINED = frozenset(Train.model_fields)
"""Keys of a training run."""
OWN = ("experiment", "net", "codec")
"""Choices of the user that define the network, instead of the weights."""


def start_settings(config: DictConfig) -> DictConfig:
    """Return the configuration with the network, the codec and the task of the start weights.

    Args:
        config: settings of the command, with ``ckpt``.

    Raises:
        FidipError: the weights do not exist, are of an unknown network, or cannot be trained.
    """
    require_trainable(config.ckpt)
    run = run_of(config.ckpt)
    if run is not None:
        start = saved_config(run, EVALUATED)
    else:
        start = checkpoint_settings(config.ckpt, read_weights(config.ckpt), _named_by_user(config))
    if "fusion" in start.net:
        raise ConfigError(
            f"ckpt={config.ckpt}: is a network for windows of frames; expected one for single "
            "images. Choose other weights"
        )
    return start


def _named_by_user(config: DictConfig) -> DictConfig | None:
    words = HydraConfig.get().overrides.task
    is_named = any(word.lstrip("+").startswith(tuple(f"{key}=" for key in OWN)) for word in words)
    return config if is_named else None


def trained_settings(config: DictConfig, start: DictConfig) -> DictConfig:
    """Return the configuration with the network that is trained.

    It is that of the start weights, with two exceptions. For MoveNet, only the heatmaps are
    trained, in crops of the recipe; and the user may choose the network.

    Args:
        config: settings of the command.
        start: ``start_settings(config)``.
    """
    if start is config:
        return config
    trained = config.copy()
    OmegaConf.set_struct(trained, False)
    known = None if run_of(config.ckpt) else _entry(config.ckpt)
    if known is not None and known.endswith(FULL):
        trained.net = choice("net", known.removesuffix(FULL))
        return trained
    trained.net = OmegaConf.to_container(start.net, resolve=True)
    trained.codec = OmegaConf.to_container(start.codec, resolve=True)
    trained.task.loss = OmegaConf.to_container(start.task.loss, resolve=True)
    trained.task.flip_shift = bool(start.task.get("flip_shift"))
    return trained


def _entry(ckpt: str) -> str | None:
    """Return the name of the net of weights with a name, or of a known network."""
    found = zoo_entry(ckpt) or entry_of_net(read_weights(ckpt))
    return found.net if found else None


def check_start(config: DictConfig, trained: DictConfig, plan: Plan) -> int | None:
    """Check that the start weights fit the network and have not seen the test frames.

    Args:
        config: settings of the command.
        trained: ``trained_settings`` of the command.
        plan: the plan.

    Returns:
        The number of test frames that they have seen; None if it is unknown.

    Raises:
        FidipError: weights, network, codec and loss do not fit, or they have seen test frames.
    """
    net = instantiate(trained.net)
    load_weights(net, weights_file(config), config.allow_partial)
    _check_maps(net.eval(), instantiate(trained.codec), instantiate(trained.task.loss))
    tested = {frame.image_id for frame in plan.split.test}
    paths = [image.path for image in plan.labels.people.images if image.id in tested]
    return count_leaked(paths, training_images(weights_file(config)), config.allow_leakage)


@torch.inference_mode()
def _check_maps(net: PoseNet, codec: Codec, loss: PoseLoss) -> None:
    """Check that the network has the maps of the codec and the loss."""
    width, height = codec.input_wh
    maps = net(net.normalize(torch.zeros(1, 3, height, width, dtype=torch.uint8))).heatmaps
    target, weight = codec.encode(torch.zeros(1, len(COCO17), 2), torch.ones(1, len(COCO17)))
    loss(maps, target, weight)


def score_start(config: DictConfig, start: DictConfig, leaked: int | None) -> None:
    """Score the start weights on the test frames, unless they have been scored before.

    Args:
        config: settings of the command.
        start: ``start_settings(config)``.
        leaked: number of test frames that the weights have seen; None if unknown.
    """
    out = Path(config.out)
    run = run_of_subset(out, START)
    if run.results.is_file():
        return
    data = instantiate(_test_data(config, start, data_folder(out)))
    data.setup("test")
    poses = predict_boxes(config, start, data, data.test_set)
    scores = score_poses(poses, data.test_people)
    about = {"name": START, "group": config.group, "seed": config.seed}
    write_results(run, results_of(scores, about, split=TEST, leaked_images=leaked), poses)


def predict_people(config: DictConfig, settings: DictConfig, people: People) -> Poses:
    """Predict the poses in the boxes of people of the dataset.

    Args:
        config: settings of the command, with the weights as ``ckpt``.
        settings: configuration with the network of these weights.
        people: the people.
    """
    data = instantiate(_test_data(config, settings, data_folder(Path(config.out))))
    return predict_boxes(config, settings, data, data.dataset(people))


def _test_data(config: DictConfig, start: DictConfig, root: Path) -> DictConfig:
    plain: Any = OmegaConf.to_container(config.data, resolve=True)
    wh = OmegaConf.to_container(start.codec.input_wh, resolve=True)
    return OmegaConf.create({**plain, **_splits(root), "input_wh": wh})


def _splits(root: Path) -> dict[str, Any]:
    """Return the settings of the data that the command defines."""
    return {
        **{"root": str(root), "test_split": TEST, "val_fraction": 0, "source_split": None},
        **dict.fromkeys(("target_labels", "target_images", "target_boxes", "replay_split")),
        **{"real_images": None, "synthetic_images": None},
    }


def run_settings(trained: DictConfig, subset: str, plan: Plan, unlabelled: int) -> DictConfig:
    """Return the configuration of the training run of a subset.

    Args:
        trained: ``trained_settings`` of the command.
        subset: name of the subset.
        plan: the plan.
        unlabelled: number of unlabelled frames.
    """
    out = Path(trained.out)
    config = OmegaConf.masked_copy(trained, [str(key) for key in trained if key in TRAINED])
    OmegaConf.set_struct(config, False)
    config.name = f"{trained.name}-{subset}"
    config.run_dir = str(run_of_subset(out, subset).root)
    config.resume, config.overwrite = AUTO, False
    config.data.update(_splits(data_folder(out)))
    config.data.train_split = train_split(subset)
    config.data.balanced = plan.synthetic is not None
    config.data.target_split = UNLABELLED if plan.uses_unlabelled else None
    config.callbacks.checkpoints.monitor = None  # there is no validation, and the criteria
    config.trainer.limit_val_batches = 0  # without labels would take a third of the time
    groups = [len(plan.subsets[subset]), unlabelled]
    groups += [len(plan.synthetic.images)] if plan.synthetic else []
    is_single = config.trainer.devices == 1
    epochs = epochs_of(trained.updates, groups, config.data.batch_size) if is_single else None
    config.trainer.max_steps, config.trainer.max_epochs = trained.updates, epochs or trained.updates
    return config


def epochs_of(updates: int, groups: Sequence[int], batch_size: int) -> int:
    """Return the number of epochs, each a pass over the largest group, that has the updates.

    Args:
        updates: number of updates.
        groups: minimum number of samples of each group; empty ones have no samples in a batch.
        batch_size: samples of an update.

    Example:
        >>> epochs_of(updates=300, groups=[25, 400, 0], batch_size=24)
        9
    """
    sizes = [size for size in groups if size]
    return math.ceil(updates / math.ceil(max(sizes) * len(sizes) / batch_size))


def run_of_subset(out: Path, subset: str) -> RunDirectory:
    """Return the run directory of a subset, or of the start."""
    return RunDirectory(out / "runs" / subset)
