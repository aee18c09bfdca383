"""Checkpoints that a crash, a kill or a full disk does not tear."""

import os
import sys
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from fidip.core.errors import DiskError
from fidip.io.atomic import is_intact, write_atomic
from tests.conftest import load_script

pytestmark = pytest.mark.forks

DISK_SIZE = "16m"
"""Of ``small_disk``."""


def save(path, value, previous=None):
    write_atomic(path, lambda file: torch.save(torch.full((50_000,), value), file), previous)


def value_of(path):
    return torch.load(path, weights_only=True)[0].item()


def test_a_torn_file_is_noticed(tmp_path):
    path = tmp_path / "last.ckpt"
    save(path, 1.0)
    assert is_intact(path)
    content = path.read_bytes()
    path.write_bytes(content[:-1000])
    assert not is_intact(path)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    path.write_bytes(flipped)
    assert not is_intact(path)


def test_the_file_before_gets_a_name_of_its_own(tmp_path):
    path, previous = tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    for value in (1.0, 2.0, 3.0):
        save(path, value, previous)
    assert (value_of(path), value_of(previous)) == (3.0, 2.0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]


def test_a_full_disk_is_one_line_and_the_file_before_is_whole(small_disk):
    path = small_disk / "last.ckpt"
    save(path, 1.0)
    fill(small_disk, 100_000)
    with pytest.raises(DiskError, match=r"cannot write .*last\.ckpt: the disk is full"):
        save(path, 2.0)
    assert value_of(path) == 1.0
    assert {file.name for file in small_disk.iterdir()} == {"last.ckpt", "filler"}


def fill(disk, leave=0):
    """Leave so many bytes free, in whole pages."""
    with (disk / "filler").open("wb") as file:
        free = os.statvfs(disk)
        file.write(bytes(free.f_bavail * free.f_bsize - leave))


class Fill(pl.Callback):
    """Fill the disk at one of the moments of a run."""

    moment = None

    def __init__(self, disk):
        self.disk = Path(disk)

    def on_train_epoch_end(self, trainer, pl_module):
        if self.moment == "epoch":  # its curves are written after this
            fill(self.disk)

    def on_test_end(self, trainer, pl_module):
        if self.moment == "test":  # room for environment.json, and not for the card
            fill(self.disk, os.statvfs(self.disk).f_bsize)


TRUST = f"allow_targets=[{__name__}]"


def test_a_run_on_a_full_disk_ends_with_one_line_and_continues_when_there_is_room(
    small_disk, tiny_root, monkeypatch, cli
):
    run = small_disk / "run"
    settings = [
        *("experiment=scratch_demo", f"data.root={tiny_root}", f"hydra.run.dir={run}"),
        *("data.num_workers=0", "data.batch_size=2", "debug=smoke", "trainer.max_epochs=2"),
        *("codec.input_wh=[32,32]", "codec.heatmap_wh=[8,8]"),
        "net.backbone.width=0.125",
        f"+callbacks.fill={{_target_: {__name__}.Fill, disk: {small_disk}}}",
        TRUST,
    ]
    fill(small_disk)
    ends_with_one_line(cli, settings, "config.yaml")
    for moment, name in {"epoch": "metrics.csv", "test": "model_card.md"}.items():
        (small_disk / "filler").unlink()
        monkeypatch.setattr(Fill, "moment", moment)
        ends_with_one_line(cli, settings, name)
        assert not [path for path in run.rglob("*") if path.name.endswith(".part")]
        assert not (run / "results.json").exists()
        settings = [f"resume={run}", TRUST]
    (small_disk / "filler").unlink()
    monkeypatch.setattr(Fill, "moment", None)
    cli("train", *settings)
    assert (run / "results.json").is_file()
    assert (run / "metrics.csv").read_text().count("\n") == 5  # training and validation, twice


def ends_with_one_line(cli, arguments, name):
    printed = cli("train", *arguments, status=2)
    (error,) = printed.errors
    assert f"{name}: the disk is full" in error
    assert "make room and run again" in error
    began = name != "config.yaml"
    assert ("continue with: fidip train resume=" in printed.out) == began


@pytest.mark.slow
def test_killed_runs_end_with_the_weights_and_curves_of_an_undisturbed_run(
    tiny_root, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["kill_resume.py", "2", str(tiny_root)])
    with pytest.raises(SystemExit) as exit_:
        load_script("benchmarks/kill_resume.py").main()
    assert exit_.value.code == 0
    assert "2 ended with equal weights and 2 with equal curves" in capsys.readouterr().out
