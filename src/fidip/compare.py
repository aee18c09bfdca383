"""``fidip compare``: tables, differences and a page from run folders."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.table import Table

from fidip.cli import command, instantiate
from fidip.errors import ConfigError, RunError
from fidip.metrics import annotations_to_coco, by_name, match_keypoints
from fidip.report import (
    HEADER,
    Run,
    Tested,
    check_installed,
    compare_runs,
    difference_header,
    difference_rows,
    footnote,
    read_runs,
    report,
    rule,
    send_dashboard,
    summary_rows,
    workspace,
    write_csv,
    write_dashboard,
    write_differences,
    write_latex,
    write_markdown,
    write_page,
)
from fidip.run_folder import RunFolder
from fidip.scoring import read_results
from fidip.trained import saved_config

FEWEST_ROUNDS = 20
"""With fewer no p value is below .05."""
TARGETS = ("html", "wandb")
AGREEMENT = 1e-6
"""Numbers of a run that are further from those that it reported are others."""


def compare(config: DictConfig) -> None:
    """Read and compare the runs, print the tables, write Markdown, CSV and the page."""
    if not isinstance(config.rounds, int) or config.rounds < FEWEST_ROUNDS:
        raise ConfigError(f"rounds={config.rounds}: expected a whole number from {FEWEST_ROUNDS}")
    if config.to not in TARGETS:
        raise ConfigError(f"to={config.to}: expected {' or '.join(TARGETS)}")
    if config.to == "wandb":
        check_installed()
    runs, gaps = read_runs(config.runs, config.data.root)
    comparison = compare_runs(runs, match, config.against, config.rounds)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    write_markdown(out / "compare.md", runs, comparison)
    write_csv(out / "results.csv", runs)
    write_differences(out / "differences.csv", comparison)
    write_latex(out / "table.tex", runs, comparison)
    write_page(out / "compare.html", runs, comparison, gaps)
    console = Console()
    if not console.is_terminal:
        console.width = 160  # nothing to fit into
    console.print(_table(HEADER, summary_rows(runs, comparison), footnote(runs)))
    if comparison.differences:
        header, rows = difference_header(comparison), difference_rows(comparison)
        console.print(_table(header, rows, rule(runs, comparison)))
    for line in (*comparison.problems, *gaps):
        print(line)
    if config.to == "wandb":
        show_at_wandb(runs, config.project, config.entity, out / "dashboard.json")
    print(f"page: {(out / 'compare.html').resolve()}")


def show_at_wandb(runs: list[Run], project: str, entity: str | None, file: Path) -> None:
    """Keep the dashboard of these runs in a file, and send it where an API key is known."""
    from fidip.tasks import has_key

    write_dashboard(file, [make(runs, project, entity or "") for make in (workspace, report)])
    why = "no API key, see wandb login"
    if has_key():
        try:
            print(*send_dashboard(runs, project, entity), sep="\n")
            return
        except OSError as error:
            why = str(error)
    print(f"W&B: not sent ({why}), kept in {file}; the same command sends it later")


def match(run: Run) -> Tested:
    """A run's predictions against the labels that it was tested on.

    Raises:
        RunError: the data are gone, or the numbers are not those that the run reported.
        DataError: labels or predictions are not what they should be.
    """
    labels = read_labels(run)
    results = read_results(RunFolder(run.root).predictions)
    truth = json.loads(labels)
    unknown = {r["image_id"] for r in results} - {image["id"] for image in truth["images"]}
    matches = match_keypoints(truth, [] if unknown else results)
    found = by_name(matches.numbers(np.ones((1, matches.images), dtype=np.int64))[0])
    if unknown or not _agree(found, run.results["metrics"]):
        raise RunError(
            f"{run.root}/predictions.json on {run.test_json} does not give the numbers of its "
            "results.json; one of the three has changed: restore it, or train the run again"
        )
    return Tested(labels, matches)


def read_labels(run: Run) -> str:
    """The people that a run was tested on, as JSON, by the run's own settings.

    Raises:
        RunError: the data are gone, or the settings are of another version.
        DataError: the data are not what they should be.
    """
    if not run.data_root.is_dir():
        raise RunError(
            f"the test data {run.data_root} are gone; give the folder where they lie now: "
            "data.root=DIR"
        )
    config = saved_config(RunFolder(run.root))
    try:
        config.data.root = str(run.data_root)
        data = instantiate(config.data)
    except (HydraException, OmegaConfBaseException) as error:
        why = " ".join(str(error).split())
        raise RunError(
            f"{run.root}/config.yaml: its data cannot be made ({why}); compare it with the "
            "version of fidip that made it, or train it again"
        ) from error
    data.setup("test")
    return json.dumps(annotations_to_coco(data.test_set.annotations))


def _agree(found: dict[str, float | None], told: dict[str, float | None]) -> bool:
    pairs = [(value, told[name]) for name, value in found.items()]
    return all(
        a == b or (a is not None and b is not None and abs(a - b) < AGREEMENT) for a, b in pairs
    )


def _table(header: list[str], rows: list[list[str]], caption: str) -> Table:
    table = Table(caption=caption, caption_justify="left")
    for name in header:
        table.add_column(name, overflow="fold")  # a narrow window must not cut digits off
    for row in rows:
        table.add_row(*row)
    return table


@command("compare")
def main(config: DictConfig) -> None:
    compare(config)


def entry() -> None:
    """Take the runs as ``runs=GLOB`` or as the only word without a ``=``."""
    words = sys.argv[1:]
    sys.argv[1:] = [w if "=" in w or w.startswith("-") else f"runs='{w}'" for w in words]
    main()


if __name__ == "__main__":
    entry()
