"""Every name and shape of every family is one of ours; files of them load."""

import functools
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from fidip.cli.composition import choice
from fidip.core.errors import CheckpointError
from fidip.nn import HRNetDomainHead, MobileNetDomainHead, ResNetDomainHead, load_weights
from fidip.nn.weights.architecture import net_of
from fidip.nn.weights.families import family_of
from tests.nn.external_states import STATES
from tests.nn.golden_nets import official_state, random_weights, shapes

CONF = Path(__file__).parents[2] / "conf" / "net"
HEADS = {
    "hrnet_domain": HRNetDomainHead,
    "mobile_domain": MobileNetDomainHead,
    "resnet_domain": ResNetDomainHead,
}


@functools.cache
def our_shapes(name):
    with torch.device("meta"):
        return shapes(instantiate(choice("net", name)).state_dict())


def make(name):
    return instantiate(choice("net", name))


def renamed(state):
    family = family_of(state)
    return {family.ours(name): shape for name, shape in state.items()}


@pytest.mark.parametrize("name", STATES)
def test_every_name_and_shape_is_ours(name):
    net, state = STATES[name]
    assert renamed(state) == our_shapes(net)


@pytest.mark.parametrize("name", HEADS)
def test_every_name_and_shape_of_a_domain_classifier_is_ours(name):
    with torch.device("meta"):
        head = HEADS[name]()
    assert renamed(official_state(name)) == shapes(head.state_dict())


@pytest.mark.parametrize("name", STATES)
def test_the_net_is_recognised_by_names_and_shapes(name):
    net, state = STATES[name]
    assert net_of(on_meta(renamed(state))) == net


UNTOLD = {"timm", "movenet_lightning_norm", "resnet50_simcc"}
"""Nets that weights do not tell."""


@pytest.mark.parametrize("name", sorted({p.stem for p in CONF.glob("*.yaml")} - UNTOLD))
def test_our_own_nets_are_recognised(name):
    assert net_of(on_meta(our_shapes(name))) == name


@pytest.mark.parametrize("name", ["timm", "movenet_lightning_norm"])
def test_a_pyramid_is_not_taken_for_another_net(name):
    assert net_of(on_meta(our_shapes(name))) is None


def on_meta(state):
    return {name: torch.empty(shape, device="meta") for name, shape in state.items()}


def save(state, path, **others):
    torch.save({"state_dict": state, **others}, path)
    return path


@pytest.mark.parametrize(
    "name", ["FiDIP MobileNetV2", "mmpose 0.x MobileNetV2", "mmpose 1.x MobileNetV2"]
)
def test_every_tensor_is_loaded(name, tmp_path):
    net_name, state = STATES[name]
    weights, net = random_weights(state), make(net_name)
    report = load_weights(net, save(weights, tmp_path / "anything"))
    family = family_of(state)
    assert (len(report.loaded), report.unused, report.missing) == (len(weights), (), ())
    assert report.family == family.title
    own = net.state_dict()
    assert all(torch.equal(own[family.ours(name)], tensor) for name, tensor in weights.items())


def small_hrnet():
    """Weights of the smallest HRNet as the zoo would name them."""
    names = {name.split(".", 1)[1]: shape for name, shape in our_shapes("hrnet_w18_small").items()}
    return random_weights(names)


def test_a_domain_classifier_beside_the_net_is_reported(tmp_path):
    both = small_hrnet() | random_weights(official_state("hrnet_domain"))
    report = load_weights(make("hrnet_w18_small"), save(both, tmp_path / "both.pth"))
    assert report.unused == tuple(official_state("hrnet_domain"))


def test_a_file_for_another_net_is_refused_by_name(tmp_path):
    path = save(small_hrnet(), tmp_path / "zoo.pth")
    for other in ("mobilenetv2", "timm", "hrnet_w32"):
        with pytest.raises(CheckpointError, match=r"zoo.pth: .*give net=hrnet_w18_small$"):
            load_weights(make(other), path)


def test_a_backbone_without_head_is_a_part(tmp_path):
    """As HRNet's and torchvision's ImageNet weights are."""
    state = {n: t for n, t in small_hrnet().items() if not n.startswith("final_layer")}
    path = save({**state, "classifier.weight": torch.zeros(1000, 2048)}, tmp_path / "imagenet.pth")
    net = make("hrnet_w18_small")
    with pytest.raises(CheckpointError, match=r"has no head.final_layer.weight, .*allow_partial"):
        load_weights(net, path)
    report = load_weights(net, path, allow_partial=True)
    assert report.missing == ("head.final_layer.weight", "head.final_layer.bias")
    assert report.unused == ("classifier.weight",)


def test_other_joints_are_wrong_shapes(tmp_path):
    state = small_hrnet()
    state["final_layer.weight"] = state["final_layer.weight"][:16]
    path = save(state, tmp_path / "mpii.pth")
    with pytest.raises(CheckpointError, match=r"final_layer.weight \(16, 16, 1, 1\) instead of"):
        load_weights(make("hrnet_w18_small"), path)
