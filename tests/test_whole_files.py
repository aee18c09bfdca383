"""Checkpoints that a crash, a kill or a full disk does not tear."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fidip.errors import CheckpointError
from fidip.files import is_whole, write_whole

KILL_RESUME = Path(__file__).parents[1] / "benchmarks/kill_resume.py"


def save(path, value, previous=None):
    write_whole(path, lambda file: torch.save(torch.full((50_000,), value), file), previous)


def value_of(path):
    return torch.load(path, weights_only=True)[0].item()


def test_a_torn_file_is_noticed(tmp_path):
    path = tmp_path / "last.ckpt"
    save(path, 1.0)
    assert is_whole(path)
    content = path.read_bytes()
    path.write_bytes(content[:-1000])
    assert not is_whole(path)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    path.write_bytes(flipped)
    assert not is_whole(path)


def test_the_file_before_gets_a_name_of_its_own(tmp_path):
    path, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    for value in (1.0, 2.0, 3.0):
        save(path, value, previous)
    assert (value_of(path), value_of(previous)) == (3.0, 2.0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_one_line_and_the_file_before_is_whole(small_disk):
    path = small_disk / "last.ckpt"
    save(path, 1.0)  # 200 kB of 300
    with pytest.raises(CheckpointError, match=r"last\.ckpt cannot be written \(No space left"):
        save(path, 2.0)
    assert value_of(path) == 1.0
    assert [file.name for file in small_disk.iterdir()] == ["last.ckpt"]


@pytest.mark.slow
def test_killed_runs_end_with_the_weights_of_one_that_was_left_alone(tiny_root):
    done = subprocess.run(
        [sys.executable, KILL_RESUME, tiny_root, "2"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 ended with equal weights" in done.stdout
