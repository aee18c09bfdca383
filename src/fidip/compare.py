"""``fidip compare``: tables, differences and an HTML page from run directories."""

from __future__ import annotations

from fidip.cli import check_arguments, command, instantiate

if __name__ == "__main__":
    check_arguments("compare")

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from fidip.cli.loading import saved_config
from fidip.core.errors import ConfigError, DamagedRunError, RunDataError, RunError
from fidip.core.people import People
from fidip.io.atomic import write_text_atomic, write_texts_atomic
from fidip.io.coco import from_coco_results, read_results
from fidip.io.directories import output_folder
from fidip.io.run_directory import RunDirectory
from fidip.io.terminal import print_parts, text_table
from fidip.metrics import annotations_to_coco, by_name, match_keypoints
from fidip.report import (
    Comparison,
    Found,
    Run,
    Tested,
    compare_runs,
    dashboard_json,
    difference_header,
    difference_rows,
    differences_csv,
    footnote,
    html_page,
    latex_tables,
    make_report,
    markdown,
    read_runs,
    require_wandb_workspaces,
    results_csv,
    rule,
    send_dashboard,
    summary_header,
    summary_rows,
    workspace,
)

AGREEMENT = 1e-6
"""Tolerance between recomputed metrics and those in ``results.json``."""
OUTPUTS = (
    "compare.md",
    "results.csv",
    "differences.csv",
    "table.tex",
    "compare.html",
    "dashboard.json",
)
SOME_FAILED = 3
OF_ODD_SETTINGS = (AttributeError, KeyError, TypeError, ValueError, OverflowError)
"""Exceptions of the data module if values in a run's ``config.yaml`` have wrong types."""


def compare(config: DictConfig) -> None:
    """Compare runs, print the tables, and write Markdown, CSV, LaTeX and HTML.

    Raises:
        FidipError: an argument is wrong, or no run can be used.
        SystemExit: status 3 after everything is written, if some runs are damaged.
    """
    if config.to == "wandb":
        require_wandb_workspaces()
    out = Path(config.out)
    if config.data.root is not None and not Path(config.data.root).is_dir():
        raise ConfigError(
            f"data.root={config.data.root}: there is no such folder; expected the folder of the "
            "test data. Omit it if the runs' own paths are correct"
        )
    with output_folder(out, OUTPUTS):
        found = read_runs(config.runs, config.data.root)
        comparison = compare_runs(found.runs, match, config.against, config.rounds)
        if comparison.damaged and not comparison.intervals:
            raise RunError("; ".join(comparison.problems))
        write_texts_atomic(out, contents(found, comparison))
        show(found, comparison)
        if config.to == "wandb":
            show_at_wandb(
                found.runs, comparison, config.project, config.entity, out / "dashboard.json"
            )
        print(_encodable(f"page: {(out / 'compare.html').resolve()}"))
    if found.damaged or comparison.damaged:
        raise SystemExit(SOME_FAILED)


def contents(found: Found, comparison: Comparison) -> dict[str, str]:
    """Return the text of each output file by name.

    Args:
        found: the runs.
        comparison: their comparison.
    """
    runs, gaps = found.runs, [*found.gaps, *found.damaged]
    notes = [*comparison.problems, *found.repeats, *gaps]
    texts = {
        "compare.md": markdown(runs, comparison, notes),
        "results.csv": results_csv(runs),
        "differences.csv": differences_csv(runs, comparison),
        "table.tex": latex_tables(runs, comparison),
        "compare.html": html_page(runs, comparison, found.repeats, gaps),
    }
    return {name: _encodable(text) for name, text in texts.items()}


def show(found: Found, comparison: Comparison) -> None:
    """Print the tables, and a line for each missing run or result.

    Args:
        found: the runs.
        comparison: their comparison.
    """
    runs = found.runs
    rows = summary_rows(runs, comparison)
    tables = [text_table(summary_header(runs), rows, caption=footnote(runs))]
    if comparison.differences:
        header, rows = difference_header(comparison), difference_rows(runs, comparison)
        tables.append(text_table(header, rows, caption=rule(runs, comparison)))
    print_parts(*tables)
    failed = {*found.damaged, *comparison.damaged}
    for line in (*comparison.problems, *found.repeats, *found.gaps, *found.damaged):
        print(_encodable(f"failed: {line}" if line in failed else line))


def show_at_wandb(
    runs: list[Run], comparison: Comparison, project: str, entity: str | None, file: Path
) -> None:
    """Write the dashboard to a file, and send it to W&B if an API key is set.

    Args:
        runs: the finished runs.
        comparison: their comparison.
        project: W&B project of the runs.
        entity: W&B user or team; None for the user's default.
        file: the file to write.
    """
    from fidip.tasks import has_key

    views = [make(runs, comparison, project, entity or "") for make in (workspace, make_report)]
    write_text_atomic(file, dashboard_json(views))
    why = "no API key, see wandb login"
    if has_key():
        try:
            print(*send_dashboard(runs, comparison, project, entity), sep="\n")
            return
        except OSError as error:
            why = str(error)
    print(f"W&B: not sent ({why}), kept in {file}; the same command sends it later")


def match(run: Run) -> Tested:
    """Match the predictions of a run to the labels that it was tested on.

    Args:
        run: the run.

    Raises:
        RunDataError: the data no longer exist.
        DamagedRunError: the metrics differ from those that the run reported.
        DataError: labels or predictions are malformed.
    """
    people = read_labels(run)
    truth = annotations_to_coco(people)
    results = read_results(RunDirectory(run.root).predictions)
    unknown = {r["image_id"] for r in results} - {image["id"] for image in truth["images"]}
    matches = match_keypoints(people, from_coco_results([] if unknown else results))
    found = by_name(matches.numbers(np.ones((1, matches.images), dtype=np.int64))[0])
    if unknown or not _agree(found, run.results.metrics):
        raise DamagedRunError(
            f"{run.root}/predictions.json on {run.test_json} does not give the numbers of its "
            "results.json; one of the three has changed. Restore it, or train the run again"
        )
    return Tested(people, truth, matches)


def read_labels(run: Run) -> People:
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
        why = " ".join(str(error).split())
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


def _encodable(text: str) -> str:
    """Escape bytes in file names that are not UTF-8, so that the text can be printed."""
    return text.encode("utf-8", "backslashreplace").decode()


@command("compare")
def main(config: DictConfig) -> None:
    """Run the command."""
    compare(config)


if __name__ == "__main__":
    main()
