"""``fidip evaluate``: score a checkpoint, or a file of COCO results, on a dataset."""

from __future__ import annotations

from fidip.cli import check_arguments, command, instantiate

if __name__ == "__main__":
    check_arguments("evaluate")

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

from fidip.cli.evaluation_scores import score
from fidip.cli.evaluation_settings import check_evaluation, settings
from fidip.cli.score_table import print_table
from fidip.core.errors import shown
from fidip.core.poses import Poses
from fidip.io.directories import output_folder, require_new
from fidip.io.processes import is_first_process
from fidip.io.run_directory import RunDirectory
from fidip.metrics import Results
from fidip.report.scoring import results_of, write_results
from fidip.tasks import announce, publish


def evaluate(config: DictConfig) -> None:
    """Predict or read the poses of a split, score them, print and write the results."""
    check_evaluation(config)
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
        write_and_print(run, results, poses)
    if "wandb" in config.logger:
        send_to_wandb(config, trained, results)


@rank_zero_only  # type: ignore[untyped-decorator]
def write_and_print(run: RunDirectory, results: Results, poses: Poses | None) -> None:
    """Write and print the results."""
    write_results(run, results, poses)
    print_table(results)


@rank_zero_only  # type: ignore[untyped-decorator]
def send_to_wandb(config: DictConfig, trained: DictConfig, results: Results) -> None:
    """Log the results to W&B as a separate run in the group of the training run.

    Args:
        config: settings of the command.
        trained: settings of the run.
        results: results of the evaluation.
    """
    config.name, config.group, config.seed = trained.name, trained.group, trained.seed
    logger = instantiate(config.logger.wandb)
    about: Any = OmegaConf.to_container(trained, resolve=True)
    announce([logger], {**about, "split": config.split, "boxes": Path(config.boxes).name})
    publish([logger], results)


@command("evaluate")
def main(config: DictConfig) -> None:
    """Run the command."""
    evaluate(config)


if __name__ == "__main__":
    main()
