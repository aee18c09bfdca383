"""``fidip evaluate``: score a checkpoint, or a file of COCO results, on a dataset."""

from __future__ import annotations

from fidip.cli import check_arguments, command, instantiate

if __name__ == "__main__":
    check_arguments("evaluate")

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only
from torch.utils.data import DataLoader

from fidip.cli.evaluation_settings import check, settings, weights_file
from fidip.core.errors import ConfigError, shown
from fidip.core.people import Annotation, People
from fidip.core.poses import Poses
from fidip.core.samples import Batch
from fidip.data import (
    EvalSampler,
    PoseDataset,
    SecondAnnotator,
    image_hashes,
    read_detections,
    read_second_annotator,
    trained_on,
)
from fidip.io.coco import from_coco_results, read_results
from fidip.io.directories import output_folder, require_new
from fidip.io.run_directory import RunDirectory, is_first_process
from fidip.metrics import (
    Calibration,
    describe_agreement,
    oks_nms,
    pose_scores,
    soft_oks_nms,
)
from fidip.nn.weights.checkpoint_files import load_weights, training_images
from fidip.report.scoring import (
    require_finite,
    results_of,
    score_poses,
    score_results,
    write_results,
)
from fidip.tasks import ProgressBar, announce, publish
from fidip.tasks.run_calibration import fit_run, read_run

NMS = {"hard": oks_nms, "soft": soft_oks_nms}


def evaluate(config: DictConfig) -> None:
    """Predict or read the poses of a split, score them, print and write the results."""
    check(config)
    run = RunDirectory(Path(config.out))
    outputs = [run.results.name] + [run.predictions.name] * (config.predictions is None)
    if is_first_process():
        run.require_not_begun(f"out={shown(run.root)}")
        if not config.overwrite:
            require_new(run.root, outputs)
    with output_folder(run.root, outputs):
        trained = settings(config)
        scores, poses = score(config, trained)
        results = results_of(scores, trained, split=config.split)
        rank_zero_only(write_results)(run, results, poses)
    if "wandb" in config.logger:
        tell_wandb(config, trained, scores)


def score(config: DictConfig, trained: DictConfig) -> tuple[dict[str, Any], Poses | None]:
    """Return the scores of a split, and the poses if they were predicted.

    Args:
        config: settings of the command.
        trained: settings of the run.
    """
    data = instantiate(trained.data)
    data.setup("test" if config.split == "test" else "validate")
    dataset: PoseDataset = data.test_set if config.split == "test" else data.val_set
    people: People = data.test_people if config.split == "test" else data.val_people
    if not people:
        raise ConfigError(
            f"split={config.split}: no people to score with data.val_fraction="
            f"{data.val_fraction}; expected a fraction above 0"
        )
    leaked = count_trained_on(config, people)
    second = (
        read_second_annotator(Path(config.second_annotator), people)
        if config.second_annotator
        else None
    )
    scores, poses = score_people(config, trained, dataset, people)
    scores["leaked_images"] = leaked
    if second is not None:
        scores["second_annotator"] = {
            "file": config.second_annotator,
            **human_level(second, people),
        }
    return scores, poses


def score_people(
    config: DictConfig, trained: DictConfig, dataset: PoseDataset, people: People
) -> tuple[dict[str, Any], Poses | None]:
    """Score a results file, or poses predicted in labelled or detected boxes.

    Args:
        config: settings of the command.
        trained: settings of the run.
        dataset: crops of the labelled people.
        people: the labelled people.

    Returns:
        The scores, and the poses if they were predicted.
    """
    if config.predictions:
        poses = from_coco_results(read_results(Path(config.predictions)))
        return score_results(poses, people, "the file's own", config.predictions), None
    if config.boxes == "gt":
        poses = predict(config, trained, dataset)
        return score_poses(poses, people, calibration(config, trained, poses, people)), poses
    boxes = read_detections(Path(config.boxes), people, config.box_threshold)
    found = PoseDataset(boxes, dataset.input_wh, clip_boxes=config.clip_boxes)
    poses = predict(config, trained, found)
    poses = suppress(poses, found, config.nms, config.nms_threshold)
    return score_results(poses.rounded(), people, f"detections: {config.boxes}"), poses


def suppress(poses: Poses, dataset: PoseDataset, kind: str, threshold: float) -> Poses:
    """Remove duplicate poses of the same person by OKS non-maximum suppression.

    Args:
        poses: predictions for ``dataset``, in image px.
        dataset: the crops; OKS is relative to their areas, as in the official code.
        kind: a key of ``NMS``.
        threshold: OKS threshold of this kind.

    Returns:
        The remaining poses.
    """
    width, height = dataset.input_wh
    areas = np.array(
        [dataset.crop_window(i).width ** 2 * height / width for i in poses.index.tolist()]
    )
    return poses[NMS[kind](poses, pose_scores(poses), areas, threshold)]


def human_level(second: SecondAnnotator, people: People) -> dict[str, Any]:
    """Score a second annotator on the images that both annotators labelled.

    Args:
        second: labels of the second annotator.
        people: the labelled people.
    """
    shared = people.on_images(second.images)
    images = {"images": len(shared.images), "of_images": len(people.images)}
    return {**images, **describe_agreement(second.people, shared)}


@rank_zero_only  # type: ignore[untyped-decorator]
def tell_wandb(config: DictConfig, trained: DictConfig, scores: dict[str, Any]) -> None:
    """Log the scores to W&B as a separate run in the group of the training run.

    Args:
        config: settings of the command.
        trained: settings of the run.
        scores: content of ``results.json``.
    """
    config.name, config.group, config.seed = trained.name, trained.group, trained.seed
    logger = instantiate(config.logger.wandb)
    settings: Any = OmegaConf.to_container(trained, resolve=True)
    announce([logger], {**settings, "split": config.split, "boxes": Path(config.boxes).name})
    publish([logger], scores)


def predict(config: DictConfig, trained: DictConfig, dataset: PoseDataset) -> Poses:
    """Predict the poses in all boxes of a dataset.

    Args:
        config: settings of the command.
        trained: settings of the run.
        dataset: the crops.
    """
    task = instantiate(trained.task)
    trainer = instantiate(
        config.trainer, logger=False, enable_checkpointing=False, callbacks=[ProgressBar()]
    )
    rank_zero_only(print)(load_weights(task.net, weights_file(config), config.allow_partial))
    loader = DataLoader(
        dataset,
        batch_size=trained.data.batch_size,
        sampler=EvalSampler(len(dataset), trainer.global_rank, trainer.world_size),
        num_workers=trained.data.num_workers,
        collate_fn=Batch.collate,
    )
    trainer.test(task, loader, verbose=False)
    return require_finite(task.predictions, weights_file(config))


def count_trained_on(config: DictConfig, people: Sequence[Annotation]) -> int | None:
    """Return how many test images ``ckpt`` was trained on; None if it does not record them.

    The validation split is part of the training split and is not checked.

    Args:
        config: settings of the command.
        people: the test people.

    Raises:
        DataError: there are such images, and ``allow_leakage`` is not set.
    """
    if config.ckpt is None or config.split != "test":
        return None
    seen = training_images(weights_file(config))
    if seen is None:
        return None
    hashes = image_hashes(person.image_path for person in people)
    return len(trained_on(hashes, seen, config.allow_leakage))


def calibration(
    config: DictConfig, trained: DictConfig, poses: Poses, people: Sequence[Annotation]
) -> Calibration | None:
    """Return the calibration of a run's scores: fitted now, or read if it exists.

    Args:
        config: settings of the command.
        trained: settings of the run.
        poses: predictions for ``people``, in image px.
        people: the labelled people.
    """
    run = RunDirectory.of_checkpoint(config.ckpt)
    if run is None:
        return None
    task: Any = OmegaConf.to_container(trained.task, resolve=True)
    of = (run, Path(weights_file(config)), task)
    return fit_run(*of, poses, people) if config.calibrate else read_run(*of)


@command("evaluate")
def main(config: DictConfig) -> None:
    """Run the command."""
    evaluate(config)


if __name__ == "__main__":
    main()
