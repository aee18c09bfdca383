"""``fidip compare``: tables, differences and an HTML page from run directories."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("compare")

from pathlib import Path

from omegaconf import DictConfig

from fidip.cli.console_progress import ConsoleProgress
from fidip.cli.messages import SOME_FAILED
from fidip.cli.run_comparison import COMPARISON_FILES, RunComparison, compare_runs, encodable
from fidip.io.atomic import write_text_atomic
from fidip.io.directories import output_folder
from fidip.io.terminal import print_parts, text_table
from fidip.report import (
    compared_numbers,
    dashboard_json,
    difference_header,
    difference_rows,
    footnote,
    infant_header,
    infant_note,
    infant_rows,
    make_report,
    require_wandb_workspaces,
    rule,
    send_dashboard,
    summary_header,
    summary_rows,
    workspace,
)

DASHBOARD = "dashboard.json"
PATIENCE = 2.0
"""Seconds before a progress bar is shown."""


def compare(config: DictConfig) -> None:
    """Compare runs, print the tables, and write Markdown, CSV, LaTeX and HTML.

    Raises:
        FidipError: an argument is wrong, or no run can be used.
        SystemExit: status 3 after everything is written, if some runs are damaged.
    """
    if config.to == "wandb":
        require_wandb_workspaces()
    out = Path(config.out)
    with output_folder(out, (*COMPARISON_FILES, DASHBOARD)):
        with ConsoleProgress("experiment", patience=PATIENCE) as progress:
            compared = compare_runs(
                config.runs,
                against=config.against,
                rounds=config.rounds,
                pair_seeds=config.pair_seeds,
                data_root=config.data.root,
                progress=progress,
            )
        compared.write(out)
        print_comparison(compared)
        if config.to == "wandb":
            show_at_wandb(compared, config.project, config.entity, out / DASHBOARD)
        print(encodable(f"page: {(out / 'compare.html').resolve()}"))
    if compared.damage:
        raise SystemExit(SOME_FAILED)


def print_comparison(compared: RunComparison) -> None:
    """Print the tables, and a line for each missing run or result."""
    runs, comparison = compared.found.runs, compared.comparison
    rows = summary_rows(runs, comparison)
    tables = [text_table(summary_header(runs), rows, caption=footnote(runs))]
    metrics = compared_numbers(comparison)
    for metric in metrics:
        header = difference_header(comparison, metric)
        rows = difference_rows(runs, comparison, metric)
        caption = rule(runs, comparison) if metric == metrics[-1] else ""
        tables.append(text_table(header, rows, caption=caption))
    if infant := infant_header(runs):
        tables.append(text_table(infant, infant_rows(runs), caption=infant_note(runs)))
    print_parts(*tables)
    damage = set(compared.damage)
    for line in compared.notes:
        print(encodable(f"failed: {line}" if line in damage else line))


def show_at_wandb(compared: RunComparison, project: str, entity: str | None, file: Path) -> None:
    """Write the dashboard to a file, and send it to W&B if an API key is set.

    Args:
        compared: the runs and their comparison.
        project: W&B project of the runs.
        entity: W&B user or team; None for the user's default.
        file: the file to write.
    """
    from fidip.tasks import has_key

    runs, comparison = compared.found.runs, compared.comparison
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


@command("compare")
def main(config: DictConfig) -> None:
    """Run the command."""
    compare(config)


if __name__ == "__main__":
    main()
