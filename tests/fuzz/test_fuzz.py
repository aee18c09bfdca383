"""Two hundred bad inputs, always the same: one line each, nothing lost, nothing executed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .cases import AREAS

ROOT = Path(__file__).parents[2]
RUNS, INPUTS = 52, 200
"""Runs of commands, some of which are given several bad inputs, and how many inputs those are."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What came of every run, in a process of its own: pytest's has threads and must not fork."""
    file = tmp_path_factory.mktemp("fuzz") / "reports.json"
    command = [sys.executable, "-m", "tests.fuzz", "--count", str(RUNS), "--report", str(file)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, check=False, env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert file.is_file(), done.stderr
    return json.loads(file.read_text())


@pytest.mark.slow
def test_there_are_enough_inputs(reports):
    assert len(reports) == RUNS
    assert sum(report["inputs"] for report in reports) >= INPUTS
    assert {report["area"] for report in reports} == set(AREAS)


@pytest.mark.slow
@pytest.mark.parametrize("area", AREAS)
def test_bad_inputs(reports, area):
    failed = [report for report in reports if report["area"] == area and report["faults"]]
    assert not failed, "\n".join(
        f"python -m tests.fuzz --case {r['number']}: {r['title']}: "
        f"{'; '.join(r['faults'])}: {r['line']}"
        for r in failed
    )
