"""Only a loss or weights that are NaN or infinite end a run, in all of its processes."""

import json

import pytest
import pytorch_lightning as pl
import torch

pytestmark = pytest.mark.forks

TINY = (
    *("data.num_workers=0", "data.batch_size=2", "data.val_fraction=0.5"),
    *("codec.input_wh=[32,32]", "codec.heatmap_wh=[8,8]"),
    "net.backbone.width=0.125",
)


class Poison(pl.Callback):
    """Makes one weight NaN in the second epoch, at one of the moments of a run."""

    def __init__(self, moment, part="net"):
        self.moment = moment
        self.part = part

    def _poison(self, trainer, pl_module):
        is_last = trainer.global_rank == trainer.world_size - 1
        if trainer.current_epoch == 1 and is_last:
            next(pl_module.get_submodule(self.part).parameters()).data.fill_(float("nan"))

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if self.moment == "batch":
            self._poison(trainer, pl_module)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if self.moment == "last" and trainer.is_last_batch:
            self._poison(trainer, pl_module)

    def on_validation_end(self, trainer, pl_module):
        if self.moment == "validation":
            self._poison(trainer, pl_module)

    def on_test_start(self, trainer, pl_module):
        if self.moment == "test":
            next(pl_module.net.parameters()).data.fill_(float("nan"))


TRUST = f"allow_targets=[{__name__}]"


def command(root, *arguments, epochs=3):
    where = (f"data.root={root}", "hydra.run.dir=run")
    return [*where, *TINY, TRUST, f"trainer.max_epochs={epochs}", *arguments]


def poison(moment, part="net"):
    return f"+callbacks.poison={{_target_: {__name__}.Poison, moment: {moment}, part: {part}}}"


def error_of(ended):
    """The error of a run, of which only the progress of its pretraining is on stderr, too."""
    (line,) = (line for line in ended.err.splitlines() if not line.startswith("pretraining"))
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("experiment", "moment", "part", "words"),
    [
        ("scratch", "batch", "net", "epoch 2, update 9: the loss is NaN"),
        ("fidip", "batch", "net", "epoch 2, update"),
        ("fidip", "batch", "method.domain_head", "epoch 2, update"),
        ("scratch", "last", "net", "epoch 2, update 17: the weights are NaN"),
        ("scratch", "validation", "net", "the weights are NaN"),
        ("scratch", "test", "net", "the predictions are NaN"),
    ],
)
def test_a_run_that_diverges_ends_and_is_not_finished(
    experiment, moment, part, words, monkeypatch, tmp_path, tiny_root, cli
):
    monkeypatch.chdir(tmp_path)
    choice = (f"experiment={experiment}_demo", "ckpt=null", poison(moment, part))
    epochs = 1 if moment == "test" else 3
    message = error_of(cli("train", *command(tiny_root, *choice, epochs=epochs), status=2))
    assert words in message
    assert "lower optimizer.lr" in message
    assert not (tmp_path / "run" / "results.json").exists()
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        state = torch.load(path, weights_only=True)["state_dict"]
        assert all(tensor.isfinite().all() for tensor in state.values())


def test_a_learning_rate_that_is_far_too_high(monkeypatch, tmp_path, tiny_root, cli):
    monkeypatch.chdir(tmp_path)
    arguments = ["experiment=scratch_demo", "optimizer.lr=1000", "data.val_fraction=0"]
    message = error_of(cli("train", *command(tiny_root, *arguments), status=2))
    assert "training diverged" in message


def test_a_sweep_notes_that_a_job_diverged(monkeypatch, tmp_path, tiny_root, cli):
    monkeypatch.chdir(tmp_path)
    arguments = ["optimizer.lr=1000", "seed=0", f"data.root={tiny_root}", *TINY]
    no_validation = "data.val_fraction=0"
    cli("train", "-m", "experiment=scratch_demo", *arguments, no_validation, status=3)
    (file,) = tmp_path.glob("outputs/scratch_demo/*/0/failed.json")
    assert "training diverged" in json.loads(file.read_text())["error"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value, monkeypatch, tmp_path, tiny_root, cli):
    monkeypatch.chdir(tmp_path)
    weights = {name: tensor.clone() for name, tensor in net_state().items()}
    next(iter(weights.values())).fill_(value)
    torch.save({"state_dict": {f"net.{n}": t for n, t in weights.items()}}, "bad.ckpt")
    arguments = command(tiny_root, "experiment=scratch_demo", "ckpt=bad.ckpt")
    message = cli("train", *arguments, status=2).error
    assert "bad.ckpt: 1 of" in message
    assert "NaN or infinite" in message
    assert not (tmp_path / "run").exists()


def net_state():
    import hydra
    from hydra.utils import instantiate

    from fidip.cli import config_dir

    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("train", ["experiment=scratch_demo", "run_dir=x", *TINY])
    return instantiate(config.net).state_dict()


def test_all_processes_end_when_one_diverges(monkeypatch, tmp_path, tiny_root, two_ranks):
    monkeypatch.chdir(tmp_path)
    several = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true")
    arguments = command(tiny_root, "experiment=scratch_demo", poison("batch"), *several)
    printed = two_ranks("train", *arguments, status=2)
    (error,) = printed.errors
    assert "the loss is NaN" in error
    assert "Traceback" not in printed.err
