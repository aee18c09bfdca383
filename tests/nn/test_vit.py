"""ViTPose: the same outputs as transformers' own model, from its files."""

import re

import pytest
import torch
from hydra.utils import instantiate
from safetensors.torch import load_file

from fidip.cli.composition import choice
from fidip.nn import DeconvHead, DomainHead, PoseNet, UpsampleHead, ViT, load_weights, save_weights
from fidip.nn.weights.architecture import net_of
from fidip.nn.weights.checkpoint_files import read_weights
from tests.nn.vitpose_folder import TINY, write_vitpose


def tiny_net(simple=False, **settings):
    head = UpsampleHead if simple else lambda channels: DeconvHead(channels, doublings=2)
    sizes = dict(zip(("width", "depth", "heads"), TINY.values(), strict=True))
    return PoseNet(ViT(**sizes, **settings), head).eval()


@pytest.mark.parametrize(("simple", "experts"), [(False, 1), (True, 1), (False, 3)])
def test_outputs_equal_transformers(tmp_path, simple, experts):
    theirs = write_vitpose(tmp_path, simple, experts)
    net = tiny_net(simple)
    report = load_weights(net, tmp_path / "model.safetensors")
    images = torch.randn(2, 3, 256, 192)
    coco = torch.zeros(2, dtype=torch.long) if experts > 1 else None
    with torch.no_grad():
        expected = theirs(images, dataset_index=coco).heatmaps
        ours = net(images).heatmaps
    assert ours.shape == (2, 17, 64, 48)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
    # A layer has a weight and a bias for each of the other experts.
    assert len(report.unused) == 2 * 2 * (experts - 1)
    assert report.missing == ()


def as_mmpose(tensors):
    """The same weights as the original repository names and cuts them."""
    renames = (
        (r"embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
        (r"embeddings\.position_embeddings", "pos_embed"),
        (r"encoder\.layer", "blocks"),
        (r"attention\.output\.dense", "attn.proj"),
        (r"layernorm_before", "norm1"),
        (r"layernorm_after", "norm2"),
        (r"backbone\.layernorm", "backbone.last_norm"),
        (r"head\.deconv1", "keypoint_head.deconv_layers.0"),
        (r"head\.batchnorm1", "keypoint_head.deconv_layers.1"),
        (r"head\.deconv2", "keypoint_head.deconv_layers.3"),
        (r"head\.batchnorm2", "keypoint_head.deconv_layers.4"),
        (r"head\.conv", "keypoint_head.final_layer"),
    )

    def renamed(name):
        for pattern, replacement in renames:
            name = re.sub(pattern, replacement, name)
        return name

    state = {}
    for name, tensor in tensors.items():
        if ".query." in name:
            parts = [tensors[name.replace("query", kind)] for kind in ("query", "key", "value")]
            state[renamed(name.replace("attention.attention.query", "attn.qkv"))] = torch.cat(parts)
        elif ".key." not in name and ".value." not in name:
            state[renamed(name)] = tensor
    return {"state_dict": state}


def test_files_of_the_original_repository_give_the_same(tmp_path):
    write_vitpose(tmp_path)
    torch.save(as_mmpose(load_file(tmp_path / "model.safetensors")), tmp_path / "vitpose.pth")
    ours, theirs = tiny_net(), tiny_net()
    assert not load_weights(ours, tmp_path / "vitpose.pth").missing
    load_weights(theirs, tmp_path / "model.safetensors")
    images = torch.randn(1, 3, 256, 192)
    with torch.no_grad():
        torch.testing.assert_close(ours(images).heatmaps, theirs(images).heatmaps)


def test_our_own_files_load_again(tmp_path):
    net, again = tiny_net(), tiny_net()
    save_weights(net, tmp_path / "ours.safetensors", {})
    assert not load_weights(again, tmp_path / "ours.safetensors").unused
    torch.testing.assert_close(again.state_dict(), net.state_dict())


def test_another_input_size_has_positions_in_between():
    net = tiny_net()
    features, heatmaps = net(torch.zeros(1, 3, 384, 288))
    assert features.shape == (1, 48, 24, 18)
    assert heatmaps.shape == (1, 17, 96, 72)
    assert DomainHead(net.feature_channels)(features.expand(2, -1, -1, -1)).shape == (2,)


def test_every_parameter_gets_a_gradient():
    net = tiny_net(drop_path=0.1)
    net(torch.randn(2, 3, 256, 192)).heatmaps.square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(
    ("name", "simple", "size"),
    [
        ("vitpose_s", False, (384, 1, 12)),
        ("vitpose_b_simple", True, (768, 1, 12)),
        ("vitpose_h", False, (1280, 1, 16)),
    ],
)
def test_a_file_names_its_net(tmp_path, name, simple, size):
    keys = ("hidden_size", "num_hidden_layers", "num_attention_heads")
    write_vitpose(tmp_path, simple, **dict(zip(keys, size, strict=True)))
    assert net_of(read_weights(tmp_path / "model.safetensors").tensors) == name


@pytest.mark.parametrize(
    ("name", "millions"), [("s", 24.3), ("b", 90.0), ("l", 308.5), ("h", 637.2)]
)
def test_sizes_are_those_of_the_paper(name, millions):
    """ViTPose-B has 86 M in the backbone, L 307 M, H 632 M (Xu et al., table 1); the head adds."""
    with torch.device("meta"):
        net = instantiate(choice("net", f"vitpose_{name}"))
    assert abs(sum(p.numel() for p in net.parameters()) / 1e6 - millions) < 0.5
