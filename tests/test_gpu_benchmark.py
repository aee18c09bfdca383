"""The GPU benchmark, on the CPU: it prints its table, and says when there is no GPU."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


def run(*arguments):
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


@pytest.mark.slow
def test_the_smoke_run_prints_a_line_for_each_memory_format():
    done = run("--smoke")
    assert done.returncode == 0, done.stderr
    words = [line.split()[:2] for line in done.stdout.splitlines()]
    assert ["fp32", "channels_last"] in words
    assert ["fp32", "contiguous"] in words
    assert "waiting for data" in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so():
    done = run()
    assert done.returncode == 2
    assert done.stdout.startswith("no GPU here")
    assert done.stdout.count("\n") == 1
