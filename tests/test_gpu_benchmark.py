"""The GPU benchmark, on the CPU: it prints its table, and says when there is no GPU."""

import sys

import pytest
import torch

from tests.conftest import load_script


@pytest.fixture
def run(monkeypatch, capsys):
    """Exit status and output of the benchmark with these arguments."""
    gpu = load_script("benchmarks/gpu.py")

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
