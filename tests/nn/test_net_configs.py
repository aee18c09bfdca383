import json
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.cli.composition import choice
from tests.nn.golden_nets import FILE, official_parameters, parameters

CONF = Path(__file__).parents[2] / "conf" / "net"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml") if not path.stem.endswith("_simcc"))
SMALL = ["movenet_lightning", "hrnet_w18_small", "mobilenetv2"]


def make(name, device="meta"):
    with torch.device(device):
        return instantiate(choice("net", name))


@pytest.mark.parametrize("name", NAMES)
def test_every_net_gives_heatmaps_of_stride_4(name):
    net = make(name)
    features, heatmaps = net(torch.zeros(2, 3, 128, 96, device="meta"))
    assert heatmaps.shape == (2, 86 if name.endswith("_full") else 17, 32, 24)
    assert features.shape[:2] == (2, net.feature_channels)


@pytest.mark.parametrize(
    ("name", "official", "parameter_count"),
    [
        ("hrnet_w48", "hrnet_w48", 63_595_745),
        ("resnet50", "resnet50", 33_999_697),
        ("mobilenetv2", "mobile", 4_102_176),
    ],
)
def test_structure_is_the_official_one(name, official, parameter_count):
    ours, theirs = parameters(make(name)), official_parameters(official)
    assert list(ours.values()) == list(theirs.values())
    assert sum(p.numel() for p in make(name).parameters()) == parameter_count


@pytest.mark.parametrize("name", ["hrnet_w48", "resnet50"])
def test_names_are_the_official_ones(name):
    ours = [key.split(".", 1)[1] for key in parameters(make(name))]
    assert ours == list(official_parameters(name))


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_gets_a_gradient(name):
    torch.manual_seed(0)
    net = make(name, "cpu")
    output = net(torch.randn(2, 3, 64, 64))
    output.heatmaps.square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


def frozen_hrnet(preset):
    config = OmegaConf.merge(
        choice("net", "hrnet_w48"),
        OmegaConf.load(CONF.parent / f"frozen/{preset}.yaml"),
    )
    with torch.device("meta"):
        return instantiate(config)


def test_the_papers_frozen_stages_of_hrnet():
    net = frozen_hrnet("paper")
    stages = ("conv1", "bn1", "conv2", "bn2", "layer1", "transition1", "stage2")
    learning = {name.split(".")[1] for name, p in net.named_parameters() if p.requires_grad}
    assert learning == {"transition2", "stage3", "transition3", "stage4", "final_layer"}
    official = official_parameters("hrnet_w48")
    frozen = sum(not p.requires_grad for p in net.parameters())
    assert frozen == sum(name.split(".")[0] in stages for name in official)
    assert not net.backbone.stage2.training


def test_what_the_official_code_freezes_of_hrnet():
    net = frozen_hrnet("official")
    frozen = [name.split(".", 1)[1] for name, p in net.named_parameters() if not p.requires_grad]
    record = json.loads(FILE.read_text())["hrnet_w48"]
    assert frozen == record["frozen_by_train_script_idx_le_108"]
    assert all(module.training for module in net.modules())
