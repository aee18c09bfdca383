"""Schemas of components: they mirror constructors, and a file cannot name anything else."""

import importlib
import inspect
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from fidip.adapt.adversarial import Adversarial
from fidip.cli import instantiate
from fidip.cli.components import REGISTRY, SCHEMA_FAMILIES, Component, is_allowed, trusting
from fidip.cli.loading import load_predictor
from fidip.core.errors import ConfigError
from fidip.inference import Predictor, SinglePersonTracker
from fidip.inference.pipelines import CameraPipeline, ImagePipeline, VideoPipeline
from fidip.io.paths import config_dir
from fidip.tasks import FidipTask

FILLED_BY_CALLERS = {
    "in_channels",
    "optimizer",
    "total_steps",
    "output",
    "target",
    "weight",
    "heatmaps",
    "progress",
}
"""Parameters of partial targets that fidip itself gives."""


def locate(target):
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


def all_parameters(function):
    """All parameters by name, those of base classes behind ``**kwargs`` included."""
    known = {}
    for base in inspect.getmro(function) if inspect.isclass(function) else (function,):
        init = base.__dict__.get("__init__") if inspect.isclass(base) else base
        if init is None:
            continue
        found = inspect.signature(init).parameters.values()
        known = {p.name: p for p in found if p.name != "self"} | known
        if not any(p.kind is p.VAR_KEYWORD for p in found):
            break
    return {n: p for n, p in known.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}


def parameters(function):
    return set(all_parameters(function))


def defaults(function):
    """The default values of parameters that a YAML file could hold."""
    values = {name: p.default for name, p in all_parameters(function).items()}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is None or isinstance(value, (bool, int, float, str, tuple))
    }


def fields(schema):
    return {name for name, field in schema.model_fields.items() if field.alias is None}


@pytest.mark.parametrize("target", sorted(REGISTRY))
def test_a_schema_has_the_arguments_of_its_target(target):
    function = locate(target)
    given = parameters(function) - FILLED_BY_CALLERS
    known = fields(REGISTRY[target]) - FILLED_BY_CALLERS
    kinds = [p.kind for p in inspect.signature(function).parameters.values()]
    if target.startswith("fidip.") and inspect.Parameter.VAR_KEYWORD not in kinds:
        assert known == given
    else:  # of other libraries' arguments only those that are safe are allowed
        assert known <= given or inspect.Parameter.VAR_KEYWORD in kinds


OF_CLIPS = "the default is that of SyripDataModule, the YAML is for clips"
OWN_DEFAULTS = {
    **{
        ("fidip.data.ClipDataModule", name): OF_CLIPS
        for name in ("batch_size", "train_split", "test_split", "val_fraction")
    },
    (
        "fidip.tasks.AveragedWeights",
        "decay",
    ): "the default is for long runs, the YAML for short ones",
    ("fidip.nn.DeconvHead", "doublings"): "stated for ViTPose only, which has larger feature maps",
    ("fidip.nn.PoseNet", "mean"): "stated for MoveNet only; the default is ImageNet's",
    ("fidip.nn.PoseNet", "std"): "stated for MoveNet only; the default is ImageNet's",
    ("fidip.inference.smoothing.Chain", "filters"): "the choices differ in them",
}
"""Parameters with a default that no YAML states, and why."""


def stated():
    """The plain values that YAML files give to fidip's components, by target and parameter."""
    values = {}
    for file in config_dir().rglob("*.yaml"):
        if "hydra" not in file.parts:
            nodes = [OmegaConf.to_container(OmegaConf.load(file), resolve=False)]
            while nodes:
                node = nodes.pop()
                if isinstance(node, dict | list):
                    nodes += node.values() if isinstance(node, dict) else node
                if isinstance(node, dict) and str(node.get("_target_")).startswith("fidip."):
                    for name, value in node.items():
                        values.setdefault((node["_target_"], name), []).append(value)
    return values


def test_defaults_are_values_that_configurations_state():
    """A default that configurations hide is tested by none of them, so it is compared with them."""
    compared = set()
    for (target, name), values in stated().items():
        own = defaults(locate(target))
        plain = [
            v for v in values if not str(v).startswith(("${", "???")) and not isinstance(v, dict)
        ]
        if target == "fidip.synth.Appearance":
            continue  # the files state only what differs from a plain scene
        if name in own and plain and (target, name) not in OWN_DEFAULTS:
            assert own[name] in plain, (target, name)
            compared.add((target, name))
    assert len(compared) > 50


@pytest.mark.parametrize("target", sorted(name for name in REGISTRY if name.startswith("fidip.")))
def test_defaults_of_a_schema_are_those_of_its_target(target):
    own = defaults(locate(target))
    for name, field in REGISTRY[target].model_fields.items():
        value = field.get_default(call_default_factory=True)
        if name in own and not field.is_required() and value is not None:
            assert (list(value) if isinstance(value, tuple) else value) == own[name], name


@pytest.mark.parametrize(
    "function",
    [Predictor, load_predictor, SinglePersonTracker, ImagePipeline, VideoPipeline, CameraPipeline],
)
def test_defaults_of_the_python_api_are_those_of_predict(function):
    config = OmegaConf.load(config_dir() / "predict.yaml")
    own = {k: v for k, v in defaults(function).items() if config.get(k) is not None}
    assert own
    assert own == {name: config[name] for name in own}


def test_one_default_of_the_flip_test_everywhere():
    """The command leaves it open, for a webcam has another one."""
    for function in (Predictor, load_predictor, locate("fidip.tasks.PoseTask")):
        assert defaults(function)["flip_test"] is True


def test_fidip_as_a_task_has_the_defaults_of_its_method():
    task, method = defaults(FidipTask), defaults(Adversarial)
    assert task["adversarial_weight"] == method["weight"] == 0.0005
    assert task["domain_epochs"] == method["domain_epochs"] == 10


def evil(node):
    return OmegaConf.create({"net": node}).net


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "torch.load", "f": "evil.pkl", "weights_only": False},
        {"_target_": "pathlib.Path.touch", "self": "evil"},
        {"_target_": "numpy.save", "file": "evil.npy", "arr": [1]},
        {"_target_": "os.system", "_args_": ["touch evil"]},
        {"_target_": "hydra.utils.get_method", "path": "os.system"},
        {"_target_": "hydra.utils.instantiate", "config": {"_target_": "os.system"}},
        {"_target_": "fidip.io.atomic.write_text_atomic", "path": "evil", "text": "x"},
        {"_target_": "fidip.nn.weights.model_zoo.fetch", "entry": 1},
        {"_target_": "torch.optim.Adam.__init__.__globals__"},
        {"_target_": "torch.optim.lr_scheduler.os.system", "_args_": ["touch evil"]},
        {"_target_": "albumentations.load", "filepath_or_buffer": "evil"},
        {"_target_": "fidip.nn.PoseNet", "backbone": {"_target_": "os.system"}, "head": None},
        {
            "_target_": "torch.optim.Adam",
            "_partial_": True,
            "lr": 1,
            "foo": {"_target_": "os.system"},
        },
        {"_target_": "albumentations.Compose", "transforms": [{"_target_": "os.getcwd"}]},
        {"_target_": "timm.create_model", "model_name": "resnet18", "checkpoint_path": "evil.pkl"},
        {"_target_": "timm.create_model", "model_name": "local-dir:evil", "pretrained": True},
        {"_target_": "timm.create_model", "model_name": "hf-hub:a/b"},
        {"_target_": "fidip.nn.TimmPyramid", "name": "resnet18", "checkpoint_path": "evil.pkl"},
        {"_target_": ["os.system"]},
        {"_target_": {"_target_": "os.system"}},
        {"_target_": None},
        {"a": {"b": {"_target_": "os.system"}}},
    ],
    ids=lambda node: str(node)[:60],
)  # fmt: skip
def test_what_is_not_in_the_list_is_not_built(node, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        instantiate(evil(node), source="RUN/config.yaml")
    assert str(error.value).startswith("RUN/config.yaml: net")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_users_may_trust_more():
    node = evil({"_target_": "fractions.Fraction", "numerator": 3})
    with trusting(["fractions"]):
        assert is_allowed("fractions.Fraction")
        assert not is_allowed("fractionsx.Fraction")
        assert instantiate(node) == 3
    assert not is_allowed("fractions.Fraction")
    with pytest.raises(ConfigError, match="allow_targets"):
        instantiate(node)


def test_families_are_classes_of_their_module_only():
    for name in ("torch.optim.AdamW", "torch.optim.lr_scheduler.OneCycleLR", "albumentations.Blur"):
        assert is_allowed(name)
    for name in ("torch.optim.adam.os", "torch.optim.lr_scheduler.math", "optuna.pruners", 3, None):
        assert not is_allowed(name)
    assert all(issubclass(schema, Component) for schema in SCHEMA_FAMILIES.values())


def test_an_allowed_component_is_built():
    node = evil({"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.5})
    optimizer = instantiate(node)([torch.nn.Parameter(torch.zeros(1))])
    assert optimizer.defaults["lr"] == 0.5


def test_an_argument_that_does_not_fit_is_one_line():
    node = evil({"_target_": "fidip.nn.HRNet", "name": "hrnet_w49"})
    with pytest.raises(ConfigError, match="hrnet_w49"):
        instantiate(node)
    node = evil({"_target_": "torch.optim.Adam", "lr": 0.1})
    with pytest.raises(ConfigError, match=r"net: cannot build torch.optim.Adam: .*params"):
        instantiate(node)


def test_every_target_in_conf_is_allowed():
    conf = Path(importlib.import_module("fidip.io.paths").config_dir())
    targets = {
        line.split(":", 1)[1].split("#")[0].strip()
        for file in conf.rglob("*.yaml")
        if "hydra" not in file.parts
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.lstrip(" -").startswith("_target_:") and "OutputFolder" not in line  # Hydra's own
    }
    assert len(targets) > 30
    assert {target for target in targets if not is_allowed(target)} == set()
