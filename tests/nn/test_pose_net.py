from functools import partial

import numpy as np
import pytest
import torch

from fidip.core.errors import ConfigError
from fidip.nn import ConvHead, PoseNet, TimmPyramid

make_backbone = partial(TimmPyramid, "resnet10t", width=8, stem_width=8, channels=[8, 8, 8, 8])


def make_net(**settings):
    torch.manual_seed(0)
    return PoseNet(make_backbone(), ConvHead, **settings)


def test_normalize_removes_imagenets_statistics():
    crops = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    images = make_net().normalize(crops)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(images[0, :, 0, 0], -mean / std, rtol=1e-6)
    np.testing.assert_allclose(images[1, :, 3, 3], (1 - mean) / std, rtol=1e-6)
    assert images.dtype == torch.float32


def test_crops_stay_channels_last_on_their_way():
    crops = torch.zeros(2, 32, 32, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    net = make_net()
    images = net.normalize(crops)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert net(images).features.is_contiguous(memory_format=torch.channels_last)


def test_statistics_are_not_among_the_weights():
    assert not {"mean", "std"} & set(make_net().state_dict())


def train(net):
    """Two steps: in the first, timm's residual branches are multiplied by zero."""
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0, weight_decay=0.1)
    for _ in range(2):
        net(torch.randn(4, 3, 32, 32)).heatmaps.sum().backward()
        optimizer.step()


def state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(before, after):
    return {name: torch.equal(before[name], after[name]) for name in before}


def test_frozen_modules_keep_weights_and_statistics():
    net = make_net(frozen=["backbone.body.layer1", "backbone.body.bn1"])
    frozen, others = net.backbone.body.layer1, net.backbone.body.layer2
    before, before_others = state(frozen), state(others)
    train(net)
    assert all(same(before, state(frozen)).values())
    assert all(p.grad is None for p in frozen.parameters())
    assert not any(same(before_others, state(others)).values())
    assert not net.backbone.body.bn1.training
    assert net.backbone.body.layer2.training


def test_nothing_is_frozen_by_default():
    net = make_net()
    assert all(p.requires_grad for p in net.parameters())
    before = state(net)
    train(net)
    assert not any(same(before, state(net)).values())


def test_all_statistics_can_be_kept_while_all_weights_are_trained():
    net = make_net(frozen_statistics="all")
    before = state(net)
    train(net)
    kept = {name for name, is_same in same(before, state(net)).items() if is_same}
    statistics = {name for name in before if name.endswith(("_mean", "_var", "_tracked"))}
    assert statistics
    assert statistics <= kept
    assert not {name for name in kept if name.endswith("weight")}


def test_every_parameter_of_a_frozen_module_is_frozen():
    net = make_net(frozen=["backbone.smooth", "head"])
    frozen = [p.numel() for p in net.parameters() if not p.requires_grad]
    # 3x3 convolution of 8 to 8, BatchNorm of 8, 1x1 convolution of 8 to 17 with bias
    assert (len(frozen), sum(frozen)) == (1 + 2 + 2, 8 * 8 * 9 + 2 * 8 + 8 * 17 + 17)


@pytest.mark.parametrize("name", ["backbone.body.layer11", "backbone.body.conv1.wait", ""])
def test_unknown_frozen_name(name):
    with pytest.raises(
        ConfigError,
        match=rf"frozen={name}: there is no module or parameter of that name; near: \w+",
    ):
        make_net(frozen=[name])
