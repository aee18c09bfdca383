"""A W&B dashboard of experiments side by side: what it shows, and sending it.

Runs are grouped by W&B's group, which is the experiment, and by what was swept; so a line is the
mean over seeds, and its band the lowest to the highest seed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fidip.core.errors import ConfigError
from fidip.report.comparison import Comparison
from fidip.report.runs import Run
from fidip.report.tables import markdown

CURVES = ("val/AP", "val/OKS", "train/loss", "train/domain_accuracy")
"""Over epochs, a panel each; the last is of runs with a domain head alone."""
BARS = ("test/AP", "test/AR")
COLUMNS = ("summary:test/AP", "summary:test/AR", "summary:val/AP", "summary:epoch")
"""Of the table of runs."""
TITLE = "fidip compare"
HALF_WIDTH, HEIGHT = 12, 8
"""Of a panel, on W&B's grid of 24 columns."""


def workspace(runs: list[Run], comparison: Comparison, project: str, entity: str) -> Any:
    """The ``Workspace``: the panels beside W&B's own list of runs."""
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces import expr

    panels = _panels()
    return ws.Workspace(
        entity=entity,
        project=project,
        name=TITLE,
        sections=[
            ws.Section(name="Curves", panels=panels[: len(CURVES)], is_open=True),
            ws.Section(name="Test", panels=panels[len(CURVES) :], is_open=True),
            ws.Section(
                name="Comparison",
                panels=[wr.MarkdownPanel(markdown=markdown(runs, comparison))],
                is_open=True,
            ),
        ],
        runset_settings=ws.RunsetSettings(
            filters=_filters(runs),
            groupby=[expr.Metric("Group"), *(expr.Config(axis) for axis in _axes(runs))],
            pinned_columns=list(COLUMNS),
        ),
    )


def report(runs: list[Run], comparison: Comparison, project: str, entity: str) -> Any:
    """The ``Report``: the same panels with the table of runs, as a page to hand on."""
    import wandb_workspaces.reports.v2 as wr

    names = list(dict.fromkeys(run.experiment for run in runs))
    runset = wr.Runset(  # of the report's own project
        name="Runs",
        filters=_filters(runs),
        groupby=["Group", *(f"config.{axis}" for axis in _axes(runs))],
        visible_columns=list(COLUMNS),
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
    """What would be sent, by kind of view, as JSON that W&B's models read back."""
    models = {type(view).__name__.lower(): view._to_model() for view in views}
    content = {
        kind: json.loads(m.model_dump_json(by_alias=True, exclude_none=True))
        for kind, m in models.items()
    }
    return json.dumps(content, indent=1) + "\n"


def send_dashboard(
    runs: list[Run], comparison: Comparison, project: str, entity: str | None
) -> list[str]:
    """Save workspace and report at W&B.

    Args:
        runs: whose experiments are shown.
        comparison: of them.
        project: of W&B, where the runs are.
        entity: the W&B user or team; None for the user's default.

    Returns:
        Their addresses.

    Raises:
        OSError: W&B could not be reached, or refused; the message tells why.
    """
    import requests
    import wandb

    try:
        api = wandb.Api()  # asks whether the key is valid, before anything is sent
        owner = entity or api.default_entity
        views = [make(runs, comparison, project, owner) for make in (report, workspace)]
        return [view.save().url for view in views]
    except (wandb.Error, requests.RequestException, ValueError) as error:
        raise OSError(" ".join(str(error).split())) from error


def check_installed() -> None:
    """Raise ConfigError where the package that makes dashboards is missing."""
    try:
        import wandb_workspaces  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "to=wandb needs the package wandb-workspaces: pip install 'fidip[wandb]'"
        ) from error


def _axes(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(axis for run in runs for axis in run.axes))


def _filters(runs: Sequence[Run]) -> list[Any]:
    from wandb_workspaces import expr

    # Names stand between single quotes in an expression, where W&B does not escape them.
    names = [repr(f'"{name}')[2:-1] for name in dict.fromkeys(run.name for run in runs)]
    return [expr.Metric("Group").isin(names), expr.Metric("JobType") == "train"]


def _panels() -> list[Any]:
    """A line panel for every curve, then a bar panel for every number of the test."""
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
        for number, name in enumerate(CURVES)
    ]
    bars = [
        wr.BarPlot(
            title=name,
            metrics=[name],
            groupby_aggfunc="mean",
            groupby_rangefunc="minmax",
            layout=_place(number),
        )
        for number, name in enumerate(BARS, start=len(CURVES))
    ]
    return [*lines, *bars]


def _place(number: int) -> Any:
    import wandb_workspaces.reports.v2 as wr

    row, column = divmod(number, 2)
    return wr.Layout(x=column * HALF_WIDTH, y=row * HEIGHT, w=HALF_WIDTH, h=HEIGHT)
