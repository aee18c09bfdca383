"""``fidip adapt``: train a network on one's own videos, with labels of some frames or without."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("adapt")

import sys
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from fidip.cli.adaptation_dataset import command_identity, prepare, require_own
from fidip.cli.adaptation_plan import Plan, make_plan
from fidip.cli.adaptation_results import REPORT, write_report
from fidip.cli.adaptation_runs import (
    check_start,
    run_of_subset,
    run_settings,
    score_start,
    start_settings,
    trained_settings,
)
from fidip.cli.frame_settings import analyse, make_analysis
from fidip.cli.self_adaptation import adapt_without_labels
from fidip.cli.training_run import train
from fidip.core.errors import shown
from fidip.inference.frame_dataset import AnalysedVideo
from fidip.io.directories import output_folder
from fidip.io.json import read_object
from fidip.io.run_directory import RunDirectory

START = "bundled:movenet-lightning"
"""Weights to start from with labels."""
START_WITHOUT_LABELS = "bundled:movenet-infant"
"""Weights to start from without labels, which must find infants already."""


def adapt(config: DictConfig) -> None:
    """Train on videos, with labels of some frames or without any."""
    if config.labels is None:
        config.ckpt = config.ckpt or START_WITHOUT_LABELS
        adapt_without_labels(config, train)
    else:
        config.ckpt = config.ckpt or START
        adapt_with_labels(config)


def adapt_with_labels(config: DictConfig) -> None:
    """Score the start weights, train with growing numbers of labels, and write the report."""
    out = Path(config.out)
    plan = make_plan(config)
    start = start_settings(config)
    trained = trained_settings(config, start)
    leaked = check_start(config, trained, plan)
    identity = command_identity(config, plan)
    require_own(out, identity)
    print_plan(plan, config.updates)
    with output_folder(out, [REPORT]):
        try:
            with RunDirectory(out).lock():
                count = config.unlabelled
                unlabelled = prepare(
                    out, identity, plan, count, lambda: find_infants(config, start, plan)
                )
                score_start(config, start, leaked)
                train_subsets(trained, plan, unlabelled)
                curve = write_report(config, [start, trained], plan, unlabelled)
        except (KeyboardInterrupt, SystemExit):
            print("interrupted; the same command continues", file=sys.stderr)
            raise
    for row in curve.rows():
        print("  ".join(row))
    print(f"report: {shown(out / REPORT)}; use the network with fidip predict ckpt={shown(out)}")
    plan.report.finish(config.out)


def print_plan(plan: Plan, updates: int) -> None:
    """Print the split and the runs."""
    test = sorted({frame.subject for frame in plan.split.test})
    videos = {frame.video for frame in plan.split.test}
    print(f"training: {len(plan.split.train)} labelled frames; test: {len(plan.split.test)} in "
          f"{len(videos)} videos of {', '.join(test)}")  # fmt: skip
    print(f"runs with {', '.join(plan.subsets)} labelled frames, {updates} updates each")


def find_infants(config: DictConfig, start: DictConfig, plan: Plan) -> Sequence[AnalysedVideo]:
    """Find the infant in the training videos, as ``fidip frames`` does."""
    own = config.copy()
    OmegaConf.set_struct(own, False)
    own.person, own.runtime = "infant", None
    if start is not config:
        own.name = "unnamed"  # the weights name their network
    subjects = {each: plan.labels.subjects[each.name] for each in plan.unlabelled}
    return analyse(make_analysis(own), plan.unlabelled, subjects, plan.report)


def train_subsets(trained: DictConfig, plan: Plan, unlabelled: int) -> None:
    """Train a run for each subset, and estimate the time that is left after each."""
    out, names = Path(trained.out), list(plan.subsets)
    for done, name in enumerate(names, start=1):
        run = run_of_subset(out, name)
        is_new = not run.results.is_file()
        train(run_settings(trained, name, plan, unlabelled))
        left = len(names) - done
        if is_new and left:
            minutes = float(read_object(run.results).get("minutes") or 0)
            print(f"{name} labels took {minutes:.1f} min; about {left * minutes:.0f} min left")


@command("adapt")
def main(config: DictConfig) -> None:
    """Run the command."""
    adapt(config)


if __name__ == "__main__":
    main()
