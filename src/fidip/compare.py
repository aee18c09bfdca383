"""``fidip compare``: a table and a page from run folders."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from fidip.cli import command
from fidip.report import (
    HEADER,
    footnote,
    read_runs,
    summary_rows,
    write_csv,
    write_markdown,
    write_page,
)


def compare(config: DictConfig) -> None:
    """Read the runs, print the table, write Markdown, CSV and the page."""
    runs = read_runs(config.runs)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    write_markdown(out / "compare.md", runs)
    write_csv(out / "results.csv", runs)
    write_page(out / "compare.html", runs)
    table = Table(caption=footnote(runs), caption_justify="left")
    for name in HEADER:
        table.add_column(name, no_wrap=True)
    for row in summary_rows(runs):
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console.width = 160  # nothing to fit into
    console.print(table)
    print(f"page: {(out / 'compare.html').resolve()}")


@command("compare")
def main(config: DictConfig) -> None:
    compare(config)


if __name__ == "__main__":
    main()
