"""What every adaptation method must do: the tests run over all files in ``conf/method``."""

import functools
import json
import multiprocessing
import os
import re
import signal
from pathlib import Path

import hydra
import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf

from fidip.cli.components.methods import METHODS, method_schemas
from fidip.cli.trainer import make_trainer
from fidip.core.data_parts import DataPart
from fidip.core.errors import ConfigError
from fidip.io.paths import config_dir
from fidip.tasks import Checkpoints

pytestmark = pytest.mark.forks

NAMES = sorted(file.stem for file in (config_dir() / "method").glob("*.yaml"))
WITHOUT_POSE_LOSS = {"source_free", "source_free_prior", "tent"}
"""Methods that do not use labels: without their weights they leave the network as it is."""
ADAPTING = [name for name in NAMES if name != "finetune"]
NEEDING_DATA = [
    name
    for name in ADAPTING
    if get_class(OmegaConf.load(config_dir() / "method" / f"{name}.yaml")._target_).needs
]
TINY = [
    *("experiment=finetune_demo", "ckpt=null", "run_dir=x", "optimizer.lr=1e-3"),
    *("data.num_workers=0", "data.replay_split=train_adult", "data.val_fraction=0.2"),
    "data.target_split=train_pre_infant",
    *("codec.input_wh=[32,32]", "codec.heatmap_wh=[8,8]", "net.backbone.width=0.125"),
    *("trainer.max_epochs=2", "+trainer.limit_val_batches=0"),
    *("+trainer.enable_progress_bar=false", "~callbacks.checkpoints", "~callbacks.progress"),
    *("~logger", "+logger={}"),
]
LABELS = ("labels.floor=0", "occlusion.confidence=0", "average.decay=0.5")
OF_METHOD = {
    "easy_hard": ["method.occlusion.confidence=0"],
    "mean_teacher": [f"method.{setting}" for setting in LABELS],
    "mean_teacher_replay": [f"method.methods.mean_teacher.{setting}" for setting in LABELS],
    "style_mean_teacher": [f"method.methods.mean_teacher.{setting}" for setting in LABELS],
    "source_free": [f"method.methods.mean_teacher.{setting}" for setting in LABELS],
    "source_free_prior": [f"method.methods.mean_teacher.{setting}" for setting in LABELS],
}
"""Settings with which the predictions of random weights count."""
NETS = {name: ["net.backbone.norm=true"] for name in ("adabn", "tent")}
"""Settings of the network that a method needs."""


def compose(method, root, *overrides):
    settings = [*NETS.get(method, []), *OF_METHOD.get(method, [])]
    words = [*TINY, f"method={method}", *settings, f"data.root={root}", *overrides]
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        return hydra.compose("train", words)


def fit(config, *callbacks, ckpt_path=None):
    """Train on a batch of 8 samples: 2 synthetic, 2 real, 2 replayed, 2 unlabelled."""
    pl.seed_everything(0, verbose=False)
    keeps = any(isinstance(callback, Checkpoints) for callback in callbacks)
    OmegaConf.update(config, "trainer.enable_checkpointing", keeps, force_add=True)
    trainer = make_trainer(config, *callbacks)
    data, task = instantiate(config.data), instantiate(config.task)
    trainer.fit(task, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    return task


class KillWithinAnEpoch(pl.Callback):
    """SIGKILL before the second batch of the second epoch."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == (1, 1):
            os.kill(os.getpid(), signal.SIGKILL)


def run_until_killed(train):
    """Train in a fork of this process, which must be killed."""
    process = multiprocessing.get_context("fork").Process(target=train)
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


@pytest.fixture(scope="module")
def whole_run(tiny_root, tmp_path_factory):
    """Weights after an uninterrupted run of a method; several tests compare with the same one."""

    @functools.cache
    def weights(method, *overrides):
        folder = tmp_path_factory.mktemp("whole")
        config = compose(method, tiny_root, "data.batch_size=8", *overrides)
        return fit(config, Checkpoints(folder)).state_dict()

    return weights


def net_of(weights):
    return {name: value for name, value in weights.items() if name.startswith("net.")}


@pytest.mark.parametrize("method", NAMES)
def test_a_killed_and_resumed_run_ends_as_if_it_had_not_stopped(
    method, tmp_path, tiny_root, whole_run
):
    config = compose(method, tiny_root, "data.batch_size=8")
    callbacks = (Checkpoints(tmp_path / "killed", every_minutes=0), KillWithinAnEpoch())
    run_until_killed(lambda: fit(config, *callbacks))
    last = tmp_path / "killed" / "last.ckpt"
    saved = torch.load(last, weights_only=True)["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    assert saved["current"]["completed"] == 1
    resumed = fit(config, Checkpoints(tmp_path / "killed"), ckpt_path=last)
    torch.testing.assert_close(resumed.state_dict(), whole_run(method), rtol=0, atol=0)


def weights_below(config, key):
    """The keys of the weights of a method, and of those that it combines."""
    for name in OmegaConf.select(config, key):
        if name.endswith("weight"):
            yield f"{key}.{name}"
    for name in OmegaConf.select(config, f"{key}.methods") or ():
        yield from weights_below(config, f"{key}.methods.{name}")


@pytest.mark.parametrize("method", [m for m in ADAPTING if m not in WITHOUT_POSE_LOSS])
def test_without_its_weights_a_method_is_fine_tuning_bit_by_bit(method, tiny_root, whole_run):
    config = compose(method, tiny_root, "data.batch_size=8")
    weights = list(weights_below(config, "method"))
    assert weights
    for key in weights:
        OmegaConf.update(config, key, 0)
    off = net_of(fit(config).state_dict())
    default, plain = whole_run(method), net_of(whole_run("finetune", *NETS.get(method, [])))
    torch.testing.assert_close(off, plain, rtol=0, atol=0)
    assert any(not torch.equal(off[name], default[name]) for name in off)


class Losses(pl.Callback):
    """Writes the losses of every epoch, means over all processes, into a file."""

    def __init__(self, file):
        self.file = file

    def on_train_epoch_end(self, trainer, pl_module):
        logged = {n: float(v) for n, v in trainer.callback_metrics.items() if "loss" in n}
        if trainer.is_global_zero:
            with self.file.open("a") as file:
                file.write(f"{json.dumps(logged)}\n")


@pytest.mark.parametrize("method", NAMES)
def test_two_processes_have_the_losses_of_one(method, tmp_path, tiny_root):
    one = ["data.batch_size=16", "trainer.precision=64-true"]
    two = [
        *("data.batch_size=8", "trainer=ddp", "trainer.accelerator=cpu"),
        *("trainer.precision=64-true", "trainer.sync_batchnorm=true"),
        *("+trainer.strategy.start_method=fork", "+trainer.strategy.process_group_backend=gloo"),
    ]
    epochs = "trainer.max_epochs=1"  # of several updates
    for name, overrides in (("one", one), ("two", two)):
        fit(compose(method, tiny_root, *overrides, epochs), Losses(tmp_path / name))
    rows = [(tmp_path / name).read_text().splitlines() for name in ("one", "two")]
    assert len(rows[0]) == len(rows[1]) == 1
    for first, second in zip(*rows, strict=True):
        assert json.loads(second) == pytest.approx(json.loads(first), rel=0, abs=1e-5)


@pytest.mark.parametrize("method", ADAPTING)
def test_a_method_has_a_test_of_its_analytic_gradients(method):
    tests = Path(__file__).parents[1]
    texts = [file.read_text() for file in tests.glob("*/test_*.py")]
    own = [text for text in texts if f'METHOD = "{method}"' in text]
    assert any(re.search(r"def test_\w*gradient", text) for text in own)


@pytest.mark.parametrize("method", NEEDING_DATA)
def test_data_that_a_method_cannot_learn_from_are_one_line(method, tiny_root):
    config = compose(method, tiny_root, "data.batch_size=8", "data.balanced=false")
    config.data.replay_split = config.data.target_split = None
    config.data.synthetic_images = 0
    needs = instantiate(config.task).method.needs
    if DataPart.TARGET in needs:
        config.data.update(synthetic_images=None, real_images=0)
    with pytest.raises(ConfigError) as error:
        fit(config)
    assert "does not deliver" in str(error.value)
    assert any(part.title in str(error.value) for part in needs)
    assert "\n" not in str(error.value)


def test_schemas_are_derived_from_constructors():
    assert {f"fidip.adapt.{name}" for name in ("adversarial.Adversarial", "replay.Replay")} <= set(
        METHODS
    )
    assert "fidip.adapt.method.AddedLoss" not in METHODS
    fields = METHODS["fidip.adapt.adversarial.Adversarial"].model_fields
    assert fields["domain_head"].is_required()
    assert fields["weight"].default == 0.0005


def test_a_type_hint_without_a_schema_is_one_line(tmp_path):
    (tmp_path / "odd.py").write_text(
        "class Odd(AdaptationMethod):\n    def __init__(self, *, size: complex) -> None: ...\n"
    )
    with pytest.raises(TypeError, match=r"odd.py: Odd: argument size has the type hint complex"):
        method_schemas(tmp_path)
