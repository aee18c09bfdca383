"""Runs put side by side: tables, figures and a page."""

from fidip.report.card import model_card
from fidip.report.comparison import Comparison, Tested, compare_runs
from fidip.report.dashboard import (
    check_installed,
    report,
    send_dashboard,
    workspace,
    write_dashboard,
)
from fidip.report.latex import latex_table, write_latex
from fidip.report.overlay import contact_sheet
from fidip.report.page import write_page
from fidip.report.runs import Found, Run, read_runs
from fidip.report.tables import (
    HEADER,
    difference_header,
    difference_rows,
    footnote,
    rule,
    summary_rows,
    write_csv,
    write_differences,
    write_markdown,
)

__all__ = [
    "HEADER",
    "Comparison",
    "Found",
    "Run",
    "Tested",
    "check_installed",
    "compare_runs",
    "contact_sheet",
    "difference_header",
    "difference_rows",
    "footnote",
    "latex_table",
    "model_card",
    "read_runs",
    "report",
    "rule",
    "send_dashboard",
    "summary_rows",
    "workspace",
    "write_csv",
    "write_dashboard",
    "write_differences",
    "write_latex",
    "write_markdown",
    "write_page",
]
