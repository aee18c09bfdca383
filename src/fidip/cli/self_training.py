"""Self-training on videos without labels: a network is trained on labels that it predicted.

Each round predicts labels, keeps those that the guards accept, and trains on them in a run
directory as ``fidip train`` does. The network of a round labels the videos of the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from fidip.cli.adaptation_dataset import CONTENT_OF_CKPT
from fidip.cli.console_progress import ConsoleProgress
from fidip.cli.loading import predictor_of, require_trainable, training_config
from fidip.core.errors import ArgumentError, RunError, shown
from fidip.data.adaptation_data import copy_images, joined, synthetic_source
from fidip.inference import Predictor
from fidip.inference.output_names import Input
from fidip.inference.person_selection import PREFERENCES
from fidip.inference.self_label_dataset import (
    TRAIN,
    SelfLabelledVideo,
    confident_videos,
    doubt,
    require_enough,
    write_self_labels,
)
from fidip.inference.self_labels import SelfLabeller
from fidip.io.atomic import atomic_folder
from fidip.io.coco import annotation_file
from fidip.io.hashing import hash_files
from fidip.io.json import read_object, write_json
from fidip.io.run_directory import RunDirectory
from fidip.io.run_settings import AUTO
from fidip.nn.weights.checkpoint_files import resolve_ckpt

EXPERIMENT = "adapt_videos_unlabelled"
SETTINGS, REPORT = "self_training.json", "self_labels.json"
"""Files beside the labels of a round: the settings, and how many labels there are."""
SYNTHETIC_SPLIT = "train_infant"
"""Split with the synthetic images, as ``fidip synthesize`` writes it."""
TrainRun = Callable[[DictConfig], Any]
"""``fidip.cli.training_run.train``."""


@dataclass(frozen=True)
class SelfTraining:
    """Settings of self-training.

    Attributes:
        rounds: number of rounds.
        first: fraction of the joints that become labels in the first round.
        step: increase of this fraction in each further round.
        most: largest fraction.
        frames: maximum number of frames of each video.
        updates: updates of each round.
        person: person to track, a key of ``PREFERENCES``.
        lost: mean confidence below which the infant is not found.
        trust: mean confidence of a video's labels below which the video is left out.
        device: compute device; None for a GPU if there is one.
        runtime: ``torch`` or ``onnx``, which is faster for long videos but is exported again for
            each round; None for ``best_runtime``.
        synthetic: folder of a dataset whose synthetic images are half of each batch; None for none.
        overrides: further settings of ``fidip train``.

    Raises:
        ArgumentError: a number is out of range.
    """

    rounds: int = 4
    first: float = 0.2
    step: float = 0.2
    most: float = 0.8
    frames: int = 100
    updates: int = 30
    person: str = "infant"
    lost: float = 0.2
    trust: float = 0.33
    device: str | None = None
    runtime: str | None = None
    synthetic: str | None = None
    overrides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("rounds", "frames", "updates"):
            if getattr(self, name) < 1:
                raise ArgumentError(name, getattr(self, name), "expected at least 1")
        for name in ("first", "most"):
            if not 0 < getattr(self, name) <= 1:
                raise ArgumentError(name, getattr(self, name), "expected more than 0, at most 1")

    def fraction(self, number: int) -> float:
        """Return the fraction of the joints that become labels.

        Args:
            number: number of the round, from 1.

        Example:
            >>> [round(SelfTraining().fraction(number), 1) for number in (1, 2, 5)]
            [0.2, 0.4, 0.8]
        """
        return min(self.first + self.step * (number - 1), self.most)


def self_train(
    videos: Sequence[Input],
    ckpt: str,
    out: Path,
    seed: int,
    settings: SelfTraining,
    train: TrainRun,
) -> RunDirectory:
    """Train a network on videos without labels; the same call continues an interrupted one.

    Args:
        videos: videos of one subject or several, which can be opened.
        ckpt: weights to start from.
        out: folder with ``roundN/data`` and ``roundN/run`` of each round.
        seed: seed of the training runs.
        settings: rounds and labels.
        train: trains a configuration of ``fidip train``.

    Returns:
        The run directory of the last round.

    Raises:
        FidipError: too few frames show the infant, the network cannot label any video, the guards
            accept no joint, ``out`` belongs to other settings, the synthetic dataset has no
            synthetic image, or a file cannot be read or written.
    """
    if settings.synthetic is not None:  # before the videos are labelled, which takes long
        synthetic_source(Path(settings.synthetic), SYNTHETIC_SPLIT)
    identity = identity_of_self_training(videos, ckpt, seed, settings)
    require_same_settings(out, identity)
    for number in range(1, settings.rounds + 1):
        folder = round_folder(out, number)
        run = RunDirectory(folder / "run")
        if not run.results.is_file():
            config = round_config(folder, ckpt, seed, settings)
            write_round_labels(videos, config, folder / "data", settings, number, identity)
            with run.lock():
                train(config)
        ckpt = str(run.root)
    return run


def identity_of_self_training(
    videos: Sequence[Input], ckpt: str, seed: int, settings: SelfTraining
) -> dict[str, Any]:
    """Return what must be the same when self-training continues.

    Args:
        videos: as for ``self_train``.
        ckpt: as for ``self_train``.
        seed: as for ``self_train``.
        settings: as for ``self_train``.
    """
    content = {video.name: hash_files([video.path]) for video in videos}
    values = {**asdict(settings), "overrides": list(settings.overrides)}
    weights = hash_files([resolve_ckpt(ckpt)])
    return {"ckpt": ckpt, CONTENT_OF_CKPT: weights, "seed": seed, **values, "videos": content}


def require_same_settings(out: Path, identity: dict[str, Any]) -> None:
    """Check that an earlier call had the same settings, so that it can be continued.

    Args:
        out: folder of the outputs.
        identity: ``identity_of_self_training`` of this call.

    Raises:
        RunError: the folder has outputs of other settings.
    """
    file = round_folder(out, 1) / "data" / SETTINGS
    saved = read_object(file) if file.is_file() else identity
    other = sorted(key for key in identity if saved.get(key) != identity[key])
    if other:
        raise RunError(
            f"out={shown(out)}: was begun with another {', '.join(other)}; expected the same "
            "settings to continue. Restore them, or choose another out=DIR"
        )


def round_folder(out: Path, number: int) -> Path:
    """Return the folder of a round.

    Args:
        out: folder of the outputs.
        number: number of the round, from 1.
    """
    return out / f"round{number}"


def round_config(folder: Path, ckpt: str, seed: int, settings: SelfTraining) -> DictConfig:
    """Return the configuration of a round's training run.

    Args:
        folder: folder of the round.
        ckpt: weights to start from.
        seed: seed of the run.
        settings: settings of self-training.
    """
    config = training_config([f"experiment={EXPERIMENT}", *settings.overrides])
    # Not as overrides: their grammar gives spaces and commas in paths a meaning.
    config.data.root = str(folder / "data")
    config.run_dir = str(folder / "run")
    config.ckpt, config.seed, config.resume = ckpt, seed, AUTO
    config.trainer.max_steps = config.trainer.max_epochs = settings.updates
    config.data.balanced = settings.synthetic is not None
    return config


def write_round_labels(
    videos: Sequence[Input],
    config: DictConfig,
    root: Path,
    settings: SelfTraining,
    number: int,
    identity: dict[str, Any],
) -> None:
    """Write the labels of a round, unless they exist.

    Args:
        videos: the videos.
        config: ``round_config`` of the round.
        root: folder of the labels.
        settings: settings of self-training.
        number: number of the round, from 1.
        identity: ``identity_of_self_training`` of this call, which is written with the labels.

    Raises:
        FidipError: as for ``self_train``.
    """
    if root.is_dir():  # complete, because it is renamed at the end
        return
    labeller = SelfLabeller(
        teacher_of(config, settings), settings.lost, PREFERENCES[settings.person]
    )
    labelled = []
    with ConsoleProgress("frame") as progress:
        for video in videos:
            found = labeller(video.path, progress)
            labelled.append(SelfLabelledVideo(video, found, found.chosen(settings.frames)))
    require_enough(labelled)
    usable = confident_videos(labelled, settings.trust)
    require_enough(usable)
    with atomic_folder(root) as new, ConsoleProgress("image") as progress:
        report = write_self_labels(new, usable, settings.fraction(number), progress)
        if settings.synthetic is not None:
            add_synthetic(new, Path(settings.synthetic))
        doubts = {v.source.name: doubt(v, settings.trust) for v in labelled if v not in usable}
        write_json(new / REPORT, {"videos": report, "left_out": doubts})
        write_json(new / SETTINGS, identity)


def add_synthetic(root: Path, synthetic: Path) -> None:
    """Copy the synthetic images of a dataset into the training split of self-labelled frames.

    Args:
        root: folder of the frames.
        synthetic: folder of the dataset, which has ``SYNTHETIC_SPLIT``.

    Raises:
        DataError: the dataset or the split is missing or malformed, or has no synthetic image.
        DiskError: an image cannot be written.
    """
    file = annotation_file(root, TRAIN)
    content = read_object(file)
    rendered = copy_images(root, synthetic_source(synthetic, SYNTHETIC_SPLIT))
    write_json(file, {**content, **joined(content, rendered)})


def teacher_of(config: DictConfig, settings: SelfTraining) -> Predictor:
    """Return the predictor of the weights that a round starts from.

    Args:
        config: ``round_config`` of the round.
        settings: settings of self-training.

    Raises:
        ConfigError: the weights are an ONNX file.
    """
    ckpt = str(config.ckpt)
    require_trainable(ckpt)
    return predictor_of(ckpt, settings.runtime, settings.device, config)
