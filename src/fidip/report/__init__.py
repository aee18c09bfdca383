"""Comparison of runs: tables, figures and an HTML page."""

from fidip.report.comparison import Comparison, Tested, compare_tested
from fidip.report.dashboard import (
    dashboard_json,
    make_report,
    require_wandb_workspaces,
    send_dashboard,
    workspace,
)
from fidip.report.infant_tables import infant_header, infant_note, infant_rows
from fidip.report.latex import latex_table, latex_tables
from fidip.report.model_card import model_card
from fidip.report.overlay_figures import prediction_sheet
from fidip.report.page import html_page
from fidip.report.runs import FoundRuns, Run, read_runs
from fidip.report.tables import (
    compared_numbers,
    difference_header,
    difference_rows,
    differences_csv,
    footnote,
    markdown,
    results_csv,
    rule,
    summary_header,
    summary_rows,
)

__all__ = [
    "Comparison",
    "FoundRuns",
    "Run",
    "Tested",
    "compare_tested",
    "compared_numbers",
    "dashboard_json",
    "difference_header",
    "difference_rows",
    "differences_csv",
    "footnote",
    "html_page",
    "infant_header",
    "infant_note",
    "infant_rows",
    "latex_table",
    "latex_tables",
    "make_report",
    "markdown",
    "model_card",
    "prediction_sheet",
    "read_runs",
    "require_wandb_workspaces",
    "results_csv",
    "rule",
    "send_dashboard",
    "summary_header",
    "summary_rows",
    "workspace",
]
