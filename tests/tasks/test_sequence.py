"""Training of networks for sequences: the command, exact resume, and two processes."""

import csv
import json

import hydra
import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf

from fidip.cli import instantiate
from fidip.cli.loading import load_net, load_predictor
from fidip.cli.trainer import make_trainer
from fidip.core.errors import ConfigError
from fidip.io.paths import config_dir
from fidip.nn import SequenceNet
from fidip.tasks import Checkpoints
from tests.adapt.test_methods import KillWithinAnEpoch, Losses, run_until_killed
from tests.data.made_clips import write_made_clips

pytestmark = pytest.mark.forks

TINY = [
    *("ckpt=null", "data.num_workers=0", "data.batch_size=8"),
    *("codec.input_wh=[32,32]", "codec.heatmap_wh=[8,8]", "net.backbone.width=0.125"),
    *("net.fusion.width=4", "trainer.max_epochs=2", "trainer.limit_train_batches=2"),
]
QUIET = [
    *("run_dir=x", "+trainer.enable_progress_bar=false", "~callbacks.checkpoints"),
    *("~callbacks.progress", "~logger", "+logger={}", "+trainer.limit_val_batches=0"),
]
OVER_TIME = [
    *(
        "task.margin=1",
        "task.over_time.jump_weight=0.1",
        "task.over_time.jump_limit=0.01",
        "task.over_time.bone_weight=0.1",
    ),
    *(
        "task.over_time.bone_tolerance=0",
        "task.over_time.plausibility_weight=0.1",
        "task.over_time.plausibility_tolerance=0",
    ),
]


@pytest.fixture(scope="module")
def clips_root(tmp_path_factory):
    return write_made_clips(tmp_path_factory.mktemp("clips"), {"train_clips": 5, **TEST})


TEST = {"validate_clips": 1}


def fit(root, *overrides, callbacks=(), ckpt_path=None):
    """Train from random weights; a residual of 0 would give the other weights no gradient."""
    words = ["experiment=sequence_offline", f"data.root={root}", *TINY, *QUIET, *overrides]
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("train", words)
    keeps = any(isinstance(callback, Checkpoints) for callback in callbacks)
    OmegaConf.update(config, "trainer.enable_checkpointing", keeps, force_add=True)
    pl.seed_everything(0, verbose=False)
    trainer = make_trainer(config, *callbacks)
    data, task = instantiate(config.data), instantiate(config.task)
    if isinstance(task.net, SequenceNet):
        torch.nn.init.normal_(task.net.fusion.residual.weight, std=0.1)
    trainer.fit(task, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    return task


def test_the_command_leaves_a_run_that_predicts_and_is_evaluated(
    clips_root, cli, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    cli("train", "experiment=sequence_causal", f"data.root={clips_root}", *TINY)
    (run,) = tmp_path.glob("outputs/*/*")
    results = json.loads((run / "results.json").read_text())
    poses = json.loads((run / "predictions.json").read_text())
    assert [p["image_id"] for p in poses] == [1, 2, 3, 4, 5]
    net, _ = load_net(str(run))
    assert isinstance(net, SequenceNet)
    assert net.fusion.residual.weight.any()  # trained
    predictor = load_predictor(str(run), runtime="torch", device="cpu")
    assert (predictor.past, predictor.future) == (4, 0)
    cli("evaluate", f"ckpt={run}", f"out={tmp_path / 'again'}")
    again = json.loads((tmp_path / "again" / "results.json").read_text())
    assert again["metrics"] == results["metrics"]
    video = clips_root / "videos/validate_clips/clip0001.mp4"
    cli("predict", f"ckpt={run}", f"source={video}", f"out={tmp_path / 'out'}", "save=[csv]",
        "lost=0", "smoothing=none", "runtime=torch")  # fmt: skip
    (table,) = (tmp_path / "out").glob("*.csv")
    with table.open(newline="") as file:
        assert {row["frame"] for row in csv.DictReader(file)} == set("01234")


def test_a_killed_and_resumed_run_ends_as_if_it_had_not_stopped(clips_root, tmp_path):
    whole = fit(clips_root, *OVER_TIME, callbacks=[Checkpoints(tmp_path / "whole")])
    callbacks = [Checkpoints(tmp_path / "killed", every_minutes=0), KillWithinAnEpoch()]
    run_until_killed(lambda: fit(clips_root, *OVER_TIME, callbacks=callbacks))
    last = tmp_path / "killed" / "last.ckpt"
    callbacks = [Checkpoints(tmp_path / "killed")]
    resumed = fit(clips_root, *OVER_TIME, callbacks=callbacks, ckpt_path=last)
    torch.testing.assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_two_processes_have_the_losses_of_one(clips_root, tmp_path):
    one = ["data.batch_size=8", "trainer.precision=64-true"]
    two = [
        *("data.batch_size=4", "trainer=ddp", "trainer.accelerator=cpu"),
        *("trainer.precision=64-true", "+trainer.strategy.start_method=fork"),
        "+trainer.strategy.process_group_backend=gloo",
    ]
    for name, overrides in (("one", one), ("two", two)):
        fit(clips_root, *OVER_TIME, *overrides, callbacks=[Losses(tmp_path / name)])
    found = [
        [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        for name in ("one", "two")
    ]
    assert found[0][0].keys() >= {f"train/{n}_loss" for n in ("pose", "jump", "bone")}
    assert found[0][1]["train/plausibility_loss"] > 0
    for first, second in zip(*found, strict=True):
        for name, value in first.items():
            np.testing.assert_allclose(second[name], value, rtol=1e-5, err_msg=name)


def test_only_the_fusion_changes_and_losses_over_time_change_it(clips_root):
    before = fit(clips_root, "trainer.max_epochs=1", "optimizer.lr=1e-9").net.state_dict()
    plain = fit(clips_root, "trainer.max_epochs=1").net.state_dict()
    over_time = fit(clips_root, "trainer.max_epochs=1", *OVER_TIME).net.state_dict()
    for name in before:
        is_fusion = name.startswith("fusion.")
        assert torch.allclose(plain[name], before[name], atol=1e-6) != is_fusion, name
    assert any(not torch.equal(plain[name], over_time[name]) for name in plain)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["task.over_time.jump_weight=1"], "expected at least 1"),
        (["data.margin=2"], "expected 0, as task.margin"),
        (["data.past=3"], "3 frames before and 2 after each frame; expected 2 frames before"),
        (["~net.fusion", "net._target_=fidip.nn.PoseNet"], "expected a SequenceNet"),
        (["task=pose", "data=demo"], "single images; expected 2 frames before"),
        (["task=adapt", "method=l2_sp"], "adapts networks for single images"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(overrides, words, clips_root, tiny_root):
    root = tiny_root if "data=demo" in overrides else clips_root
    with pytest.raises(ConfigError, match=words) as error:
        fit(root, *overrides)
    assert "\n" not in str(error.value)


def test_a_method_that_would_have_no_effect_is_refused(clips_root, monkeypatch, cli, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = ["experiment=sequence_offline", f"data.root={clips_root}", "method=dann"]
    assert cli("train", *words, status=2).error.startswith("error: method: has no effect")
