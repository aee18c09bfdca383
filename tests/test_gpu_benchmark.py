"""The GPU benchmark, on the CPU: it prints its table, and says when there is no GPU."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def run(monkeypatch, capsys):
    """Exit status and output of the benchmark with these arguments."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    gpu = importlib.import_module("gpu")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["gpu.py", *arguments])
        return gpu.main(), capsys.readouterr().out

    return run


def test_the_smoke_run_prints_a_line_for_each_memory_format(run):
    status, output = run("--smoke")
    assert status == 0
    words = [line.split()[:2] for line in output.splitlines()]
    assert ["fp32", "channels_last"] in words
    assert ["fp32", "contiguous"] in words
    assert "waiting for data" in output


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_there_is_a_message(run):
    status, output = run()
    assert status == 2
    assert output.startswith("no GPU here")
    assert output.count("\n") == 1
