"""Two real processes over gloo do what one does."""

import json

import hydra
import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate

from fidip.cli import config_dir
from fidip.cli.trainer import make_trainer
from tests.tasks.toy_fidip import expected_weights, fit, make_task, pretrained_head, two_processes

pytestmark = pytest.mark.forks


def test_two_processes_take_the_steps_of_one():
    task = make_task(weight=2.0, domain_epochs=2)
    trainer = fit(task, batches=3, **two_processes())
    w, d = expected_weights(2.0, updates=3, d=pretrained_head(6))
    assert trainer.world_size == 2
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    assert task.domain_head.d.item() == pytest.approx(d, rel=1e-6)


class Losses(pl.Callback):
    """Writes the losses of every epoch, means over all processes, into a file."""

    def __init__(self, file):
        self.file = file

    def on_train_epoch_end(self, trainer, pl_module):
        names = ("train/pose_loss", "train/domain_loss")
        values = [float(trainer.callback_metrics[name]) for name in names]
        if trainer.is_global_zero:
            with self.file.open("a") as file:
                file.write(f"{json.dumps(values)}\n")


TINY = [
    *("experiment=fidip_demo", "ckpt=null", "data.num_workers=0"),
    *("codec.input_wh=[64,64]", "codec.heatmap_wh=[16,16]"),
    *("method.weight=0.1", "method.domain_epochs=1"),
    *("trainer.max_epochs=10", "+trainer.limit_train_batches=1", "+trainer.limit_val_batches=0"),
    *("+trainer.enable_checkpointing=false", "+trainer.enable_progress_bar=false"),
    *("~callbacks.checkpoints", "~callbacks.progress", "~logger", "+logger={}"),
]
ONE = ["data.batch_size=4", "trainer.precision=64-true"]
TWO = [
    *("data.batch_size=2", "trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=64-true"),
    *("+trainer.strategy.start_method=fork", "+trainer.strategy.process_group_backend=gloo"),
]


def first_losses(root, file, *overrides):
    """(10, 2) pose and domain losses of ten updates of the demo's net, one an epoch."""
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("train", [*TINY, f"data.root={root}", *overrides])
    pl.seed_everything(0, verbose=False)
    trainer = make_trainer(config)
    trainer.callbacks.append(Losses(file))
    trainer.fit(instantiate(config.task), datamodule=instantiate(config.data))
    return torch.tensor([json.loads(line) for line in file.read_text().splitlines()])


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one_with_the_same_global_batch(tiny_root, tmp_path):
    one = first_losses(tiny_root, tmp_path / "one", *ONE)
    two = first_losses(tiny_root, tmp_path / "two", *TWO, "trainer.sync_batchnorm=true")
    assert one.shape == (10, 2)
    torch.testing.assert_close(two, one, rtol=0, atol=1e-5)
    apart = first_losses(tiny_root, tmp_path / "apart", *TWO)
    assert (apart - one).abs().max() > 1e-3  # each with the statistics of its own half
