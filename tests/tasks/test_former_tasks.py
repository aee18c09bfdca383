"""Tasks, keys and checkpoints of fidip 0.1 keep working under their present names."""

import pytest
import torch
from omegaconf import OmegaConf

from fidip.adapt.adversarial import Adversarial
from fidip.adapt.replay import Replay
from fidip.cli import instantiate
from fidip.cli.loading import training_config
from fidip.io.former_names import current_word
from fidip.tasks import AdaptationTask, FidipTask, ReplayTask
from tests.tasks.toy_fidip import make_task

PARTIAL_SGD = {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1}
FORMER = {
    "fidip.tasks.FidipTask": {
        "domain_head": {"_target_": "fidip.nn.DomainHead", "_partial_": True},
        "domain_optimizer": PARTIAL_SGD,
        "domain_scheduler": {"_target_": "fidip.tasks.constant", "_partial_": True},
        "adversarial_weight": 0.25,
        "adversarial_schedule": {"_target_": "fidip.adapt.ramp", "_partial_": True},
        "domain_epochs": 3,
        "accumulate": 2,
    },
    "fidip.tasks.ReplayTask": {"teacher": None, "map_weight": 0.5, "feature_weight": 0.01},
}


@pytest.mark.parametrize("target", FORMER)
def test_a_former_configuration_of_a_task_is_built(target):
    node = training_config(["experiment=finetune_demo", "run_dir=x"]).task
    values = OmegaConf.to_container(node, resolve=True)
    task = instantiate(
        OmegaConf.create({"task": values | FORMER[target] | {"_target_": target}}).task
    )
    assert isinstance(task, AdaptationTask)
    if isinstance(task, FidipTask):
        assert isinstance(task.method, Adversarial)
        assert (task.adversarial_weight, task.domain_epochs, task.accumulate) == (0.25, 3, 2)
        assert task.method.schedule(0.0) == 0
    else:
        assert isinstance(task, ReplayTask)
        assert isinstance(task.method, Replay)
        assert (task.method.map_weight, task.method.feature_weight) == (0.5, 0.01)


def test_a_former_checkpoint_is_resumed():
    task = make_task(weight=1.0, domain_epochs=2)
    state = {
        "net.w": torch.tensor(0.1, dtype=torch.float64),
        "domain_head.d": torch.tensor(0.2, dtype=torch.float64),
        "domain_epochs_done": torch.tensor(2),
    }
    checkpoint = {"state_dict": state}
    task.on_load_checkpoint(checkpoint)
    task.load_state_dict(checkpoint["state_dict"])
    assert (task.domain_head.d.item(), task.domain_epochs_done.item()) == (0.2, 2)


@pytest.mark.parametrize(
    ("former", "present"),
    [
        ("task=fidip", "method=adversarial"),
        ("task=pose", "method=finetune"),
        ("task=replay", "method=replay"),
        ("task=adapt", "task=adapt"),
        ("task=pose,fidip,replay", "method=finetune,adversarial,replay"),
        ("task.adversarial_weight=0,0.1", "method.weight=0,0.1"),
        ("task.adversarial_schedule.steepness=3", "method.schedule.steepness=3"),
        ("++task.domain_optimizer.lr=1", "++method.domain_optimizer.lr=1"),
        ("~task.teacher", "~method.teacher"),
        ("task.domain_epochsx=1", "task.domain_epochsx=1"),
        ("task.flip_test=false", "task.flip_test=false"),
    ],
)
def test_former_words_of_the_command_line(former, present):
    assert current_word(former) == present


def test_a_former_command_trains_the_same(monkeypatch, tmp_path, tiny_root, cli):
    monkeypatch.chdir(tmp_path)
    common = [
        *("experiment=finetune_demo", f"data.root={tiny_root}", "ckpt=null", "debug=smoke"),
        *("data.num_workers=0", "data.batch_size=4", "codec.input_wh=[32,32]"),
        *("codec.heatmap_wh=[8,8]", "net.backbone.width=0.125", "data.val_fraction=0"),
    ]
    words = {
        "before": ["task=fidip", "task.adversarial_weight=0.5", "task.domain_epochs=1"],
        "now": ["method=adversarial", "method.weight=0.5", "method.domain_epochs=1"],
    }
    notes, states = {}, {}
    for run, choice in words.items():
        notes[run] = cli("train", *common, *choice, f"hydra.run.dir={run}").err
        saved = torch.load(f"{run}/checkpoints/last.ckpt", weights_only=True)
        states[run] = saved["state_dict"]
    assert "note: task.adversarial_weight=0.5 is now method.weight=0.5" in notes["before"]
    assert "note: " not in notes["now"]
    torch.testing.assert_close(states["before"], states["now"], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("key", "instead"),
    [("gradient_clip_val=1.0", "clip_norm"), ("accumulate_grad_batches=2", "accumulate")]
)  # fmt: skip
def test_what_the_task_does_in_place_of_the_trainer(key, instead, cli):
    arguments = ("experiment=fidip_demo", f"++trainer.{key}", "ckpt=null")
    assert f"set task.{instead} instead" in cli("train", *arguments, status=2).error
