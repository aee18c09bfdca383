"""The W&B dashboard: what is kept where it cannot be sent, read back by W&B's own models."""

import json

import pytest
import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws
from wandb_workspaces.reports.v2.internal import ReportViewspec
from wandb_workspaces.workspaces.internal import View

from fidip.cli.run_comparison import RunComparison
from fidip.compare import show_at_wandb
from fidip.metrics import NAMES, Difference
from fidip.metrics.results import Results
from fidip.report import Comparison, FoundRuns, Run

RESULTS = {
    "metrics": dict.fromkeys(NAMES, 0.5), "intervals": {}, "instances": 9, "box_source": "toy",
    "area_source": "toy",
}  # fmt: skip
CLEAR = {"AP": Difference(0.2, (0.1, 0.3), 0.001)}
COMPARISON = Comparison("scratch", {}, {"finetune": CLEAR}, [])
CURVES = ["val/AP", "val/OKS", "train/loss", "train/domain_accuracy"]


@pytest.fixture
def runs(tmp_path):
    """Two seeds of three experiments, one of them over a swept number."""
    return [
        Run(tmp_path, Results(**RESULTS, experiment=name, seed=seed), {}, {}, axes)
        for name, axes in [
            ("scratch", {}),
            ("finetune", {}),
            ("fidip", {"task.adversarial_weight": 0.001}),
            ("fidip", {"task.adversarial_weight": 0.01}),
        ]
        for seed in (0, 1)
    ]


def compared(runs):
    return RunComparison(FoundRuns(runs, [], [], []), COMPARISON)


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """No user is logged in, and W&B cannot be reached."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # where nothing listens


@pytest.mark.filterwarnings("ignore:Failed to validate block type")  # of W&B's reader, harmless
def test_without_a_key_the_dashboard_is_a_file(runs, alone, tmp_path, capsys):
    file = tmp_path / "dashboard.json"
    show_at_wandb(compared(runs), "babies", None, file)
    assert capsys.readouterr().out.splitlines() == [
        f"W&B: not sent (no API key, see wandb login), kept in {file}; "
        "the same command sends it later"
    ]
    kept = json.loads(file.read_text())
    space = ws.Workspace._from_model(View.model_validate(kept["workspace"]))
    page = wr.Report._from_model(ReportViewspec.model_validate(kept["report"]))
    (grid,) = (block for block in page.blocks if isinstance(block, wr.PanelGrid))
    (runset,) = grid.runsets
    assert space.project == page.project == "babies"
    for panels in ([p for section in space.sections for p in section.panels], grid.panels):
        lines = [p for p in panels if isinstance(p, wr.LinePlot)]
        assert [p.y[0].name for p in lines] == CURVES
        assert {(p.groupby_aggfunc, p.groupby_rangefunc) for p in lines} == {("mean", "minmax")}
        bars = [p.metrics[0].name for p in panels if isinstance(p, wr.BarPlot)]
        assert bars == ["test/AP", "test/AR"]
    (block,) = (block for block in page.blocks if isinstance(block, wr.MarkdownBlock))
    (panel,) = (p for s in space.sections for p in s.panels if isinstance(p, wr.MarkdownPanel))
    for text in (block.text, panel.markdown):
        assert "| +0.200 | +0.100 to +0.300 | seeds and images | 0.001 | 2 seeds: the diff" in text
        assert "better" not in text
    for filters in (space.runset_settings.filters, runset.filters):
        assert all(f"'{name}'" in filters for name in ("scratch", "finetune", "fidip"))
    names = [key.name for key in space.runset_settings.groupby]
    assert names == ["Group", "task.adversarial_weight"]
    assert len(runset.groupby) == 2
    assert "summary:test/AP" in runset.visible_columns


def test_without_a_network_it_is_a_file_too(runs, alone, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    show_at_wandb(compared(runs), "babies", "team", tmp_path / "dashboard.json")
    printed = capsys.readouterr().out
    assert printed.startswith("W&B: not sent (")
    assert "no API key" not in printed
    assert (tmp_path / "dashboard.json").is_file()
