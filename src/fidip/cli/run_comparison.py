"""Comparison of run directories: what ``fidip compare`` computes and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from fidip.cli.loading import saved_config
from fidip.cli.targets import instantiate
from fidip.core.errors import ArgumentError, DamagedRunError, RunDataError, RunError, reason
from fidip.core.people import People
from fidip.core.poses import Poses, pose_scores
from fidip.core.progress import Progress, silent
from fidip.io.atomic import write_texts_atomic
from fidip.io.coco import from_coco_results, read_results
from fidip.io.directories import output_folder
from fidip.io.run_directory import RunDirectory
from fidip.metrics import (
    GROUND_TRUTH,
    BodySums,
    annotations_to_coco,
    body_sums,
    by_name,
    match_keypoints,
    match_people,
)
from fidip.metrics.body_scale import TABLE_NAMES
from fidip.report import (
    Comparison,
    FoundRuns,
    Run,
    Tested,
    compare_tested,
    differences_csv,
    html_page,
    latex_tables,
    markdown,
    read_runs,
    results_csv,
)

AGREEMENT = 1e-6
"""Tolerance between recomputed metrics and those in ``results.json``."""
COMPARISON_FILES = ("compare.md", "results.csv", "differences.csv", "table.tex", "compare.html")
"""Files of a comparison."""
OF_ODD_SETTINGS = (AttributeError, KeyError, TypeError, ValueError, OverflowError)
"""Exceptions of the data module if values in a run's ``config.yaml`` have wrong types."""


@dataclass(frozen=True)
class RunComparison:
    """Runs and their comparison.

    Attributes:
        found: the runs by experiment and seed, and lines about missing, repeated and damaged ones.
        comparison: intervals of experiments, and differences between them.
    """

    found: FoundRuns
    comparison: Comparison

    @property
    def damage(self) -> list[str]:
        """A line for each damaged file."""
        return [*self.found.damaged, *self.comparison.damaged]

    @property
    def notes(self) -> list[str]:
        """A line for each run or result that is missing, and for each repeated run."""
        found = self.found
        return [*self.comparison.problems, *found.repeats, *found.gaps, *found.damaged]

    def write(self, out: str | Path) -> None:
        """Write Markdown, CSV and LaTeX tables and an HTML page, all of them or none.

        Args:
            out: folder of the files; it is created.

        Raises:
            DiskError: a file cannot be written.
        """
        found, comparison = self.found, self.comparison
        runs, gaps = found.runs, [*found.gaps, *found.damaged]
        texts = (
            markdown(runs, comparison, self.notes),
            results_csv(runs),
            differences_csv(runs, comparison),
            latex_tables(runs, comparison),
            html_page(runs, comparison, found.repeats, gaps),
        )
        with output_folder(Path(out), COMPARISON_FILES):
            write_texts_atomic(
                Path(out), dict(zip(COMPARISON_FILES, map(encodable, texts), strict=True))
            )


def compare_runs(
    runs: str | Path,
    *,
    against: str | None = None,
    rounds: int = 1000,
    data_root: str | Path | None = None,
    pair_seeds: bool = False,
    progress: Progress = silent,
) -> RunComparison:
    """Compare finished runs: average over seeds, and test differences between experiments.

    Args:
        runs: glob of run directories, such as ``outputs/**``.
        against: experiment that the others are compared with; None for the first.
        rounds: number of bootstrap samples and of permutations.
        data_root: folder of the test data; None for the folder that the runs used.
        pair_seeds: for differences, draw the same seeds of both experiments.
        progress: called with the stage, the experiments done and their number.

    Returns:
        The runs and their comparison. Runs that are missing or damaged are listed in it.

    Raises:
        RunError: nothing matches, or no run can be used.
        ArgumentError: ``against`` is not among the experiments, or ``data_root`` does not exist.
    """
    if data_root is not None and not Path(data_root).is_dir():
        raise ArgumentError(
            "data_root",
            str(data_root),
            "there is no such folder; expected the folder of the test data. Omit it if the runs' "
            "own paths are correct",
        )
    found = read_runs(str(runs), None if data_root is None else str(data_root))
    comparison = compare_tested(found.runs, match, against, rounds, progress, pair_seeds)
    if comparison.damaged and not comparison.intervals:
        raise RunError("; ".join(comparison.problems))
    return RunComparison(found, comparison)


def match(run: Run) -> Tested:
    """Match the predictions of a run to the labels that it was tested on.

    Args:
        run: the run.

    Raises:
        RunDataError: the data no longer exist.
        DamagedRunError: the metrics differ from those that the run reported.
        DataError: labels or predictions are malformed.
    """
    people = read_people(run)
    truth = annotations_to_coco(people)
    results = read_results(RunDirectory(run.root).predictions)
    unknown = {r["image_id"] for r in results} - {image["id"] for image in truth["images"]}
    poses = from_coco_results([] if unknown else results)
    matches = match_keypoints(people, poses)
    found = by_name(matches.numbers(np.ones((1, matches.images), dtype=np.int64))[0])
    if unknown or not _agree(found, run.results.metrics):
        raise DamagedRunError(
            f"{run.root}/predictions.json on {run.test_json} does not give the numbers of its "
            "results.json; one of the three has changed. Restore it, or train the run again"
        )
    return Tested(people, truth, matches, _body_sums(run, people, poses))


def _body_sums(run: Run, people: People, poses: Poses) -> BodySums | None:
    """Return sums of PCKsh and mKS; None if the run lacks them, or they give other values.

    In labelled boxes, predictions have the order of the people. A file that was changed afterwards
    may have another one.
    """
    told = run.results.body_scaled
    if told is None:
        return None
    ids = [person.image_id for person in people.labelled[: len(poses)]]
    is_in_order = run.results.box_source == GROUND_TRUTH and poses.image_ids.tolist() == ids
    index = (
        np.arange(len(poses))
        if is_in_order
        else match_people(poses.xy, poses.image_ids, pose_scores(poses), people)
    )
    sums = body_sums(poses.xy, index, people)
    found = sums.numbers(np.ones((1, sums.images), dtype=np.int64))[0]
    values = [None if np.isnan(value) else float(value) for value in found]
    return sums if _agree(dict(zip(TABLE_NAMES, values, strict=True)), told) else None


def read_people(run: Run) -> People:
    """Read the people that a run was tested on, with the run's own settings.

    Args:
        run: the run.

    Raises:
        RunDataError: the data no longer exist.
        DamagedRunError: the settings do not fit this version of fidip.
        DataError: the data are malformed.
    """
    if not run.data_root.is_dir():
        raise RunDataError(
            f"the test data {run.data_root} are gone; give the folder where they lie now: "
            "data.root=DIR"
        )
    try:
        config = saved_config(RunDirectory(run.root), ["data"])
        config.data.root = str(run.data_root)
        data = instantiate(config.data)
        data.setup("test")
        people: People = data.test_people
    except (HydraException, OmegaConfBaseException, *OF_ODD_SETTINGS) as error:
        why = reason(error)
        raise DamagedRunError(
            f"{run.root}/config.yaml: its data cannot be made ({why}); expected the settings of "
            "this version of fidip. Use the version that wrote it, or train the run again"
        ) from error
    return people


def _agree(found: dict[str, float | None], told: Mapping[str, float | None]) -> bool:
    pairs = [(value, told[name]) for name, value in found.items()]
    return all(
        a == b or (a is not None and b is not None and abs(a - b) < AGREEMENT) for a, b in pairs
    )


def encodable(text: str) -> str:
    """Escape bytes in file names that are not UTF-8, so that the text can be printed.

    Args:
        text: any text.
    """
    return text.encode("utf-8", "backslashreplace").decode()
