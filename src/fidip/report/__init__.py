"""Runs put side by side: tables, figures and a page."""

from fidip.report.overlay import contact_sheet
from fidip.report.page import write_page
from fidip.report.runs import Run, read_runs
from fidip.report.tables import HEADER, footnote, summary_rows, write_csv, write_markdown

__all__ = [
    "HEADER",
    "Run",
    "contact_sheet",
    "footnote",
    "read_runs",
    "summary_rows",
    "write_csv",
    "write_markdown",
    "write_page",
]
