"""W&B dashboard of experiments: content and upload.

Runs are grouped by W&B's group, which is the experiment, and by swept settings, so a line is the
mean over seeds and its band the range of the seeds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fidip.core.errors import ConfigError, reason
from fidip.report.comparison import Comparison
from fidip.report.runs import Run
from fidip.report.tables import markdown

CURVE_PANELS = ("val/AP", "val/OKS", "train/loss", "train/domain_accuracy")
"""Metrics over epochs, one panel each; only runs with a domain head have the last one."""
BARS = ("test/AP", "test/AR")
RUN_COLUMNS = ("summary:test/AP", "summary:test/AR", "summary:val/AP", "summary:epoch")
"""Columns of the table of runs."""
TITLE = "fidip compare"
HALF_WIDTH, HEIGHT = 12, 8
"""Of a panel, on W&B's grid of 24 columns."""


def workspace(runs: list[Run], comparison: Comparison, project: str, entity: str) -> Any:
    """Return the W&B ``Workspace``: panels beside the list of runs.

    Args:
        runs: runs of the shown experiments.
        comparison: their comparison.
        project: W&B project of the runs.
        entity: W&B user or team.
    """
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces import expr

    panels = _panels()
    return ws.Workspace(
        entity=entity,
        project=project,
        name=TITLE,
        sections=[
            ws.Section(name="Curves", panels=panels[: len(CURVE_PANELS)], is_open=True),
            ws.Section(name="Test", panels=panels[len(CURVE_PANELS) :], is_open=True),
            ws.Section(
                name="Comparison",
                panels=[wr.MarkdownPanel(markdown=markdown(runs, comparison))],
                is_open=True,
            ),
        ],
        runset_settings=ws.RunsetSettings(
            filters=_filters(runs),
            groupby=[expr.Metric("Group"), *(expr.Config(axis) for axis in _axes(runs))],
            pinned_columns=list(RUN_COLUMNS),
        ),
    )


def make_report(runs: list[Run], comparison: Comparison, project: str, entity: str) -> Any:
    """Return the W&B ``Report``: the same panels and the table of runs as a page to share.

    Args:
        runs: runs of the shown experiments.
        comparison: their comparison.
        project: W&B project of the runs.
        entity: W&B user or team.
    """
    import wandb_workspaces.reports.v2 as wr

    names = list(dict.fromkeys(run.experiment for run in runs))
    runset = wr.Runset(  # of the report's own project
        name="Runs",
        filters=_filters(runs),
        groupby=["Group", *(f"config.{axis}" for axis in _axes(runs))],
        visible_columns=list(RUN_COLUMNS),
    )
    return wr.Report(
        project=project,
        entity=entity,
        title=f"{TITLE}: {', '.join(names)}",
        width="fluid",
        blocks=[
            wr.P("Lines are means over seeds, bands reach from the lowest seed to the highest."),
            wr.PanelGrid(runsets=[runset], panels=_panels()),
            wr.MarkdownBlock(text=markdown(runs, comparison)),
        ],
    )


def dashboard_json(views: Sequence[Any]) -> str:
    """Return the content that would be sent, by kind of view, as JSON that W&B's models can read.

    Args:
        views: workspace and report.
    """
    models = {type(view).__name__.lower(): view._to_model() for view in views}
    content = {
        kind: json.loads(m.model_dump_json(by_alias=True, exclude_none=True))
        for kind, m in models.items()
    }
    return json.dumps(content, indent=1) + "\n"


def send_dashboard(
    runs: list[Run], comparison: Comparison, project: str, entity: str | None
) -> list[str]:
    """Save the workspace and the report in W&B.

    Args:
        runs: runs of the shown experiments.
        comparison: their comparison.
        project: W&B project of the runs.
        entity: W&B user or team; None for the user's default.

    Returns:
        The URLs of both.

    Raises:
        OSError: W&B could not be reached, or refused; the message has the reason.
    """
    import requests
    import wandb

    try:
        api = wandb.Api()  # checks the API key before anything is sent
        owner = entity or api.default_entity
        views = [make(runs, comparison, project, owner) for make in (make_report, workspace)]
        return [view.save().url for view in views]
    except (wandb.Error, requests.RequestException, ValueError) as error:
        raise OSError(reason(error)) from error


def require_wandb_workspaces() -> None:
    """Check that the package for dashboards is installed.

    Raises:
        ConfigError: it is missing.
    """
    try:
        import wandb_workspaces  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "the dashboard needs the package wandb-workspaces: pip install 'fidip[wandb]'"
        ) from error


def _axes(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(axis for run in runs for axis in run.axes))


def _filters(runs: Sequence[Run]) -> list[Any]:
    from wandb_workspaces import expr

    # Names stand between single quotes in an expression, where W&B does not escape them.
    names = [repr(f'"{name}')[2:-1] for name in dict.fromkeys(run.name for run in runs)]
    return [expr.Metric("Group").isin(names), expr.Metric("JobType") == "train"]


def _panels() -> list[Any]:
    """Return a line panel for each curve, then a bar panel for each test metric."""
    import wandb_workspaces.reports.v2 as wr

    lines = [
        wr.LinePlot(
            title=name,
            x="epoch",
            y=[name],
            groupby_aggfunc="mean",
            groupby_rangefunc="minmax",
            layout=_place(number),
        )
        for number, name in enumerate(CURVE_PANELS)
    ]
    bars = [
        wr.BarPlot(
            title=name,
            metrics=[name],
            groupby_aggfunc="mean",
            groupby_rangefunc="minmax",
            layout=_place(number),
        )
        for number, name in enumerate(BARS, start=len(CURVE_PANELS))
    ]
    return [*lines, *bars]


def _place(number: int) -> Any:
    import wandb_workspaces.reports.v2 as wr

    row, column = divmod(number, 2)
    return wr.Layout(x=column * HALF_WIDTH, y=row * HEIGHT, w=HALF_WIDTH, h=HEIGHT)
