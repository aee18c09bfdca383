"""Runs of a sweep grouped by swept values, missing runs, the curve and the LaTeX table."""

import json
import re
from dataclasses import replace

import pytest

from fidip.metrics import NAMES, Difference
from fidip.report import Comparison, latex_table, latex_tables, read_runs
from fidip.report.grid import RunPosition, axes_of, follows_seed, missing_runs, swept
from fidip.report.latex import escape
from fidip.report.sweeps import lines_of, scale_of, sweep_curves

NOTHING = Comparison("a_b, weight=0.001", {}, {}, [])


def make_run(root, weight, seed, ap):
    folder = root / f"{weight}_{seed}"
    folder.mkdir()
    (folder / "config.yaml").write_text(
        f"name: a_b\nseed: {seed}\nrun_dir: {folder}\ndata: {{root: x{seed}, seed: {seed}}}\n"
        f"task: {{weight: {weight}, inner: {{copy: {weight}}}}}\n"
    )
    if ap is not None:
        results = {"experiment": "a_b", "seed": seed, "instances": 4, "box_source": "toy",
                   "area_source": "toy", "metrics": dict.fromkeys(NAMES, ap),
                   "intervals": {}}  # fmt: skip
        (folder / "results.json").write_text(json.dumps(results))
        (folder / "environment.json").write_text("{}")
    return folder


@pytest.fixture
def found(tmp_path):
    """Three weights by two seeds: one failed, one was never run."""
    aps = {("0", 0): 0.1, ("0", 1): 0.2, ("0.001", 0): 0.4, ("0.001", 1): 0.5, ("0.1", 0): None}
    folders = {key: make_run(tmp_path, *key, ap) for key, ap in aps.items()}
    (folders["0.1", 0] / "failed.json").write_text('{"error": "no memory"}')
    return read_runs(f"{tmp_path}/**")


def test_seeds_of_a_swept_value_are_one_experiment(found):
    assert [(run.experiment, run.results.seed) for run in found.runs] == [
        ("a_b, weight=0", 0), ("a_b, weight=0", 1),
        ("a_b, weight=0.001", 0), ("a_b, weight=0.001", 1),
    ]  # fmt: skip


def test_failed_and_missing_runs_of_the_grid_are_listed(found, tmp_path):
    assert found.gaps == [
        f"a_b, weight=0.1, seed 0: failed, no memory ({tmp_path}/0.1_0)",
        "a_b, weight=0.1, seed 1: no run",
    ]


def test_a_run_that_failed_and_then_finished_is_not_missing():
    places = [
        RunPosition("a", 0, {}, "failed"),
        RunPosition("a", 0, {}),
        RunPosition("a", 0, {}, "failed"),
    ]
    assert missing_runs(places) == []


def test_a_search_has_no_missing_cells():
    places = [RunPosition("a", 0, {"x": i, "y": -i * i % 7}) for i in range(9)]
    assert missing_runs(places) == []


def test_settings_that_differ_together_are_one_axis():
    one = {"optimizer.lr": 1, "task.optimizer.lr": 1, "net.width": 3}
    other = {"optimizer.lr": 2, "task.optimizer.lr": 2, "net.width": 3}
    assert swept([one, other, other]) == ["optimizer.lr"]
    assert swept([one]) == []


def test_a_start_of_each_seed_is_no_axis():
    weights = [RunPosition("a", seed, {"ckpt": f"runs/home/{seed}", "lr": 0.1}) for seed in (0, 10)]
    assert axes_of(weights) == {"a": []}
    assert missing_runs(weights) == []
    other = RunPosition("a", 10, {"ckpt": "runs/clinic/10", "lr": 0.1})
    assert axes_of([*weights, other]) == {"a": ["ckpt"]}
    crossed = [RunPosition("a", s, {"ckpt": f"runs/{c}"}) for s in (0, 1) for c in (0, 1)]
    assert axes_of(crossed) == {"a": ["ckpt"]}


def test_only_a_text_with_the_whole_number_follows_the_seed():
    assert not follows_seed([0, 1], [0, 1])
    assert not follows_seed(["runs/10", "runs/11"], [0, 1])
    assert not follows_seed(["runs/a", "runs/a"], [0, 1])
    assert follows_seed(["runs/v2_10", "runs/v2_11"], [10, 11])


def test_the_curve_joins_the_values_in_order(found):
    (lines,) = lines_of("task.weight", found.runs[::-1]).values()
    assert [group[0].axes["task.weight"] for group in lines] == [0, 0.001]
    (figure,) = sweep_curves(found.runs, NOTHING)
    assert figure["svg"].startswith("<svg")
    assert "task.weight" in figure["caption"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1e-4, 1e-3, 1e-2], "log"),
        ([0, 1e-4, 1e-2], "symlog"),
        ([10, 25, 100], "linear"),
        ([-1, 100], "linear"),
    ],
)
def test_the_axis_is_logarithmic_over_decades(values, kind):
    assert scale_of(values) == kind


def test_the_latex_table_is_whole_and_the_best_is_bold(found):
    text = latex_table(found.runs, NOTHING)
    assert re.sub(r"\\[{}]", "", text).count("{") == re.sub(r"\\[{}]", "", text).count("}")
    assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1]
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    columns = re.search(r"tabular\}\{(l r*|lr*)\}", text)[1]
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {row.count(" & ") + 1 for row in rows} == {len(columns)}
    assert rows[2].startswith(r"    a\_b, weight=0.001 & 2 & $\mathbf{0.450} \pm 0.071$ &")
    assert r"\mathbf" not in rows[1]
    assert text.replace("$", "").count("±") == 0
    assert text.count("$") % 2 == 0


def test_text_is_escaped():
    assert escape("50% a_b & ±{x}") == r"50\% a\_b \& $\pm$\{x\}"


def test_the_latex_differences_have_a_verdict_column(found):
    clear = {"AP": Difference(0.3, (0.2, 0.4), 0.001)}
    comparison = replace(NOTHING, against="a_b, weight=0", differences={"a_b, weight=0.001": clear})
    text = latex_tables(found.runs, comparison)
    assert [text.count(rule) for rule in (r"\toprule", r"\bottomrule", r"\end{table}")] == [2, 2, 2]
    header, row = [line for line in text.splitlines() if line.endswith(r"\\")][-2:]
    assert header.endswith(r"& interval over & p over images & verdict \\")
    assert row.endswith(
        r"& seeds and images & 0.001 & 2 seeds: the difference between runs is unknown \\"
    )
    assert "better" not in text
