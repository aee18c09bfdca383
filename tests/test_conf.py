"""Every YAML below conf composes, and everything that it names can be made."""

import hydra
import pytest
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.adapt.adversarial import Adversarial
from fidip.io.paths import config_dir

ROOT = config_dir()
EXPERIMENTS = sorted(path.stem for path in (ROOT / "experiment").glob("*.yaml"))
GROUPS = (
    "net",
    "augment",
    "augment/appearance",
    "codec",
    "loss",
    "task",
    "method",
    "optimizer",
    "scheduler",
    "data",
    "callbacks",
    "trainer",
)
CHOICES = [
    (group, path.stem)
    for group in GROUPS
    for path in sorted((ROOT / group).glob("*.yaml"))
    if (group, path.stem) != ("task", "adapt")  # which method=NAME chooses
]
PLACES = {
    "augment": "data.augment",
    "augment/appearance": "data.augment.appearance",
    "loss": "task.loss",
}
"""Keys of groups that are parts of a component."""
NAMED_LIKE = {"adaptation_replay": "adaptation", "adaptation_source_free": "adaptation"}
"""Experiments whose names begin with the name of another one."""


def compose(*overrides, name="train"):
    with hydra.initialize_config_dir(str(ROOT), version_base="1.3"):
        config = hydra.compose(name, [*overrides, "data.root=x", "ckpt=x", "run_dir=run"])
    return config


def compose_with_choices(monkeypatch, *overrides):
    """A configuration whose settings may refer to the choices of groups, as in a command."""
    with hydra.initialize_config_dir(str(ROOT), version_base="1.3"):
        config = hydra.compose("train", [*overrides, "run_dir=run"], return_hydra_config=True)
    monkeypatch.setattr(HydraConfig.instance(), "cfg", OmegaConf.masked_copy(config, "hydra"))
    return OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_can_be_made(experiment, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    paths = ("data.root=x", "ckpt=x")
    config = compose_with_choices(monkeypatch, f"experiment={experiment}", *paths)
    assert config.name.partition("-")[0] == NAMED_LIKE.get(experiment, experiment)
    assert OmegaConf.missing_keys(config) == {"resume"}
    with torch.device("meta"):  # weights without numbers, which take seconds to draw
        task = instantiate(config.task)
    data = instantiate(config.data)
    assert tuple(task.codec.input_wh) == tuple(data.input_wh)
    assert len(instantiate(config.callbacks)) >= 2
    instantiate(config.logger)


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_choice_of_a_group_can_be_made(group, name):
    key = PLACES.get(group, group)
    codec = ["codec=simcc_192x256"] if (group, name) == ("loss", "simcc") else []
    config = compose(
        f"experiment={'sequence_offline' if name == 'clips' else 'scratch_demo'}",
        *codec,
        f"{group}@{key}={name}" if group in PLACES else f"{group}={name}",
    )
    if (group, name) not in (("trainer", "gpu"), ("trainer", "ddp")):
        with torch.device("meta"):
            part = OmegaConf.select(config, key)
            assert part is None or instantiate(part)


def test_data_chooses_the_appearance_and_an_experiment_the_geometry():
    """What ``augment=`` replaces leaves the changes of colour that a dataset needs."""
    demo = compose("experiment=finetune_demo").data.augment
    photographs = compose("experiment=finetune_demo", "data=syrip").data.augment
    paper = compose("experiment=finetune_demo", "augment@data.augment=paper").data.augment
    assert demo.appearance is not None
    assert photographs.appearance is None
    assert (demo.rotation_std, photographs.rotation_std, paper.rotation_std) == (30, 30, 45)
    assert paper.appearance == demo.appearance


def test_a_codec_brings_its_loss_unless_another_is_named():
    simcc = "codec=simcc_192x256"
    assert compose(simcc).task.loss._target_.endswith("simcc_kl")
    assert compose(simcc, "loss@task.loss=movenet").task.loss._target_.endswith("movenet_loss")


@pytest.mark.parametrize("name", sorted(path.stem for path in ROOT.glob("*.yaml")))
def test_commands_share_the_settings_of_hydra(name):
    with hydra.initialize_config_dir(str(ROOT), version_base="1.3"):
        settings = hydra.compose(name, return_hydra_config=True).hydra
    assert settings.job.name == name
    assert settings.output_subdir is None
    assert settings.runtime.choices["hydra/job_logging"] == "quiet"
    assert settings.callbacks.output_folder._target_.endswith(".OutputFolder")


@pytest.mark.parametrize("name", sorted(path.stem for path in ROOT.glob("*.yaml")))
def test_every_command_composes(name):
    with hydra.initialize_config_dir(str(ROOT), version_base="1.3"):
        assert hydra.compose(name)


def test_the_paper_recipe():
    config = compose("experiment=fidip_syrip")
    task = instantiate(config.task)
    assert isinstance(task.method, Adversarial)
    assert (task.method.weight, task.method.pretraining_epochs) == (0.0005, 10)
    assert (task.codec.input_wh, task.codec.sigma) == ((288, 384), 3)
    assert (config.trainer.max_epochs, config.data.batch_size, config.optimizer.lr) == (
        20,
        20,
        1e-4,
    )
    assert config.data.balanced


def test_the_three_demo_runs_differ_in_method_only():
    """Same data, updates and size of the net: what is compared is the start and the domain head.

    A net without pretrained weights needs BatchNorm and a higher rate.
    """
    tuned, fidip, scratch = (
        compose(f"experiment={name}_demo") for name in ("finetune", "fidip", "scratch")
    )
    for group in ("data", "codec", "trainer"):
        assert tuned[group] == fidip[group] == scratch[group]
    for group in ("net", "optimizer", "scheduler"):
        assert tuned[group] == fidip[group]
    assert scratch.net.backbone == {**tuned.net.backbone, "norm": True}
    assert scratch.net.head == tuned.net.head


def test_an_experiment_is_an_alias_of_its_parts():
    parts = [
        "data=demo",
        "net=movenet_lightning",
        "codec=demo",
        "method=adversarial",
        "recipe=short",
    ]
    settings = ["name=fidip_demo", "group=demo", "method.domain_epochs=2"]
    same = "sweep.started=now"
    composed = compose(*parts, *settings, "method.domain_optimizer.lr=1e-3", same)
    assert composed == compose("experiment=fidip_demo", same)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "recipe").glob("*.yaml")))
def test_a_recipe_leaves_data_network_and_task_to_others(name):
    config, default = compose(f"recipe={name}"), compose()
    for key in ("name", "group", "codec", "method", "task._target_", "net.backbone"):
        assert OmegaConf.select(config, key) == OmegaConf.select(default, key)


@pytest.mark.parametrize("choice", ["method=finetune", "task=pose"])
@pytest.mark.parametrize("name", ["fidip_demo", "fidip_lambda0_demo", "fidip_lambda0_syrip"])
def test_an_experiment_that_sets_keys_of_its_method_cannot_lose_it(cli, name, choice, tmp_path):
    printed = cli("train", f"experiment={name}", choice, f"data.root={tmp_path}", status=2)
    last = printed.err.splitlines()[-1]
    assert last.startswith("error: method: no method has the keys that are set.")
    assert "experiment=finetune_demo" in last


def test_a_method_without_the_keys_of_the_experiment_is_explained(cli, tmp_path):
    words = ("experiment=fidip_demo", "method=dann", f"data.root={tmp_path}")
    last = cli("train", *words, status=2).err.splitlines()[-1]
    assert last.startswith("error: method.domain_epochs: unknown key")
    assert "experiment=finetune_demo" in last


@pytest.mark.parametrize("method", ["finetune", "coral", "mean_teacher_replay"])
@pytest.mark.parametrize("name", ["adapt_unlabelled", "adapt_few_syrip"])
def test_experiments_without_labels_take_any_method(name, method):
    config = compose(f"experiment={name}", f"method={method}")
    assert config.data.target_labels is not None
    assert OmegaConf.select(config, "method.average") is None


@pytest.mark.parametrize("target", ["home", "clinic", "night", "far"])
def test_a_cell_of_the_adaptation_benchmark_is_named_by_method_target_and_labels(
    target, monkeypatch
):
    words = ("experiment=adaptation", "method=dann", f"target={target}", "data.target_labels=25")
    config = compose_with_choices(monkeypatch, *words)
    assert config.name == f"adaptation-dann-{target}-25"
    splits = compose_preset("adaptation").splits
    assert {config.data.train_split, config.data.test_split, config.data.domain_split} <= set(
        splits
    )
    appearances = {part.appearance for part in splits[config.data.test_split]}
    trained = {part.appearance: part.is_synthetic for part in splits[config.data.train_split]}
    assert appearances == {target}
    assert trained == {target: False, "clean": True}


def compose_preset(name):
    with hydra.initialize_config_dir(str(ROOT), version_base="1.3"):
        return hydra.compose("synthesize", [f"preset={name}"]).preset


def test_cells_of_the_adaptation_benchmark_differ_in_method_data_and_start_only(monkeypatch):
    """The same updates, batches, rates and augmentation, and no label selects an epoch."""
    cells = [
        compose_with_choices(monkeypatch, f"experiment=adaptation{part}", "ckpt=x", "data.root=x")
        for part in ("", "_replay", "_norm")
    ]
    for key in ("trainer", "optimizer", "scheduler", "callbacks", "codec", "data.augment"):
        assert len({str(OmegaConf.select(cell, key)) for cell in cells}) == 1
    for cell in cells:
        assert (cell.data.batch_size % 12, cell.data.val_fraction) == (0, 0)
        assert cell.callbacks.checkpoints.monitor is None
        # An epoch of the shortest kind, half source and half target, is as long as all others.
        source = compose_preset("adaptation").source
        assert source / (cell.data.batch_size / 2) == cell.trainer.limit_train_batches == 50


def test_a_group_that_the_experiment_lacks_is_explained(cli, tmp_path):
    words = ("experiment=finetune_demo", "target=home", f"data.root={tmp_path}")
    (line,) = cli("train", *words, status=2).err.splitlines()
    assert line.startswith("error: target=home: the experiment has no group 'target'")
