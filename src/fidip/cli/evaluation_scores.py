"""The scores of ``fidip evaluate``: poses predicted in boxes, or read from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

from fidip.cli.evaluation_settings import weights_file
from fidip.cli.loading import run_of
from fidip.cli.targets import instantiate
from fidip.core.errors import ConfigError
from fidip.core.people import People
from fidip.core.poses import Poses
from fidip.data import (
    PoseDataset,
    count_leaked,
    read_detections,
    read_second_annotator,
    require_image_files,
)
from fidip.io.coco import from_coco_results, read_results, read_video_results
from fidip.metrics import Calibration, Results, without_duplicates
from fidip.nn.weights.checkpoint_files import training_images
from fidip.nn.weights.net_weights import load_weights
from fidip.report.scoring import score_poses, score_results
from fidip.tasks import ProgressBar, lightning
from fidip.tasks.run_calibration import fit_run, read_run


def score(config: DictConfig, trained: DictConfig) -> tuple[Results, Poses | None]:
    """Return the scores of a split, and the poses if they were predicted.

    Args:
        config: settings of the command.
        trained: settings of the run.
    """
    data, is_test = instantiate(trained.data), config.split == "test"
    data.setup("test" if is_test else "validate")
    people: People = data.test_people if is_test else data.val_people
    if not people:
        raise ConfigError(
            f"split={config.split}: no people to score with data.val_fraction="
            f"{data.val_fraction} and data.target_labels={data.target_labels}; expected a fraction "
            "above 0, and images that keep their labels"
        )
    if config.ckpt:
        require_image_files(data.test_json if is_test else data.train_json, people)
    # Validation images are part of the training split.
    seen = training_images(weights_file(config)) if config.ckpt and is_test else None
    leaked = count_leaked([person.image_path for person in people], seen, config.allow_leakage)
    file = config.second_annotator
    second = read_second_annotator(Path(file), people) if file else None
    scores, poses = score_people(config, trained, data, people)
    agreement = None if second is None else {"file": file, **second.agreement(people)}
    return replace(scores, leaked_images=leaked, second_annotator=agreement), poses


def score_people(
    config: DictConfig, trained: DictConfig, data: Any, people: People
) -> tuple[Results, Poses | None]:
    """Score a results file, or poses predicted in labelled or detected boxes.

    Args:
        config: settings of the command.
        trained: settings of the run.
        data: the data module.
        people: the labelled people.

    Returns:
        The scores, and the poses if they were predicted.
    """
    if config.predictions:
        poses = from_coco_results(read_predictions(Path(config.predictions), people))
        return score_results(poses, people, "the file's own", config.predictions), None
    if config.boxes == "gt":
        poses = predict_boxes(config, trained, data, data.dataset(people))
        return score_poses(
            poses, people, fit_or_read_calibration(config, trained, poses, people)
        ), poses
    boxes = read_detections(Path(config.boxes), people, config.box_threshold)
    found = data.dataset(boxes, config.clip_boxes)
    poses = predict_boxes(config, trained, data, found)
    areas = found.crop_areas[poses.index]
    poses = without_duplicates(poses, areas, config.nms, config.nms_threshold)
    return score_results(poses.rounded(), people, f"detections: {config.boxes}"), poses


def read_predictions(path: Path, people: People) -> list[dict[str, Any]]:
    """Read a results file, or a folder with the results of each video.

    Args:
        path: the file or folder.
        people: the labelled people and their images.
    """
    return read_video_results(path, people.images) if path.is_dir() else read_results(path)


def predict_boxes(
    config: DictConfig, trained: DictConfig, data: Any, dataset: PoseDataset
) -> Poses:
    """Predict the poses in all boxes of a dataset.

    Args:
        config: settings of the command.
        trained: settings of the run.
        data: the data module, for its loader.
        dataset: the crops.
    """
    task = instantiate(trained.task)
    data.trainer = trainer = instantiate(
        config.trainer, logger=False, enable_checkpointing=False, callbacks=[ProgressBar()]
    )
    lightning.disable_signal_handlers(trainer)
    rank_zero_only(print)(load_weights(task.net, weights_file(config), config.allow_partial))
    trainer.test(task, data.eval_dataloader(dataset), verbose=False)
    poses: Poses = task.predictions
    return poses


def fit_or_read_calibration(
    config: DictConfig, trained: DictConfig, poses: Poses, people: People
) -> Calibration | None:
    """Return the calibration of a run's scores: fitted now, or read if it exists.

    Args:
        config: settings of the command.
        trained: settings of the run.
        poses: predictions for ``people``, in image px.
        people: the labelled people.
    """
    run = run_of(config.ckpt)
    if run is None:
        return None
    task: Any = OmegaConf.to_container(trained.task, resolve=True)
    of = (run, Path(weights_file(config)), task)
    return fit_run(*of, poses, people) if config.calibrate else read_run(*of)
