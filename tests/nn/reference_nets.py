"""The official networks' forward passes in eval mode, written out from their papers.

Every function takes a state dict under the official names first; nothing of fidip is used.
"""

import torch
import torch.nn.functional as F


def norm(w, name, x):
    statistics = (w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, *statistics, eps=1e-5)


def conv(w, name, x, stride=1):
    """Same padding; depthwise where the weight has one input channel for many."""
    weight = w[f"{name}.weight"]
    groups = x.shape[1] // weight.shape[1]
    padding = weight.shape[-1] // 2
    return F.conv2d(x, weight, w.get(f"{name}.bias"), stride, padding, groups=groups)


def count(w, name):
    """How many numbered children a module has."""
    prefix = f"{name}."
    return 1 + max(int(n[len(prefix) :].split(".")[0]) for n in w if n.startswith(prefix))


def residual_block(w, name, x, stride=1):
    """BasicBlock or Bottleneck; the stride is that of the first 3x3 convolution."""
    convolutions = [i for i in (1, 2, 3) if f"{name}.conv{i}.weight" in w]
    strided = 2 if len(convolutions) == 3 else 1
    y = x
    for i in convolutions:
        y = norm(w, f"{name}.bn{i}", conv(w, f"{name}.conv{i}", y, stride if i == strided else 1))
        y = y if i == convolutions[-1] else y.relu()
    if f"{name}.downsample.0.weight" in w:
        x = norm(w, f"{name}.downsample.1", conv(w, f"{name}.downsample.0", x, stride))
    return (x + y).relu()


def simple_baseline(w, x):
    """ResNet, three transposed convolutions, 1x1 convolution."""
    x = norm(w, "bn1", conv(w, "conv1", x, 2)).relu()
    x = F.max_pool2d(x, 3, 2, 1)
    for layer in (1, 2, 3, 4):
        for block in range(count(w, f"layer{layer}")):
            stride = 2 if layer > 1 and block == 0 else 1
            x = residual_block(w, f"layer{layer}.{block}", x, stride)
    features = x
    for i in (0, 3, 6):
        x = F.conv_transpose2d(x, w[f"deconv_layers.{i}.weight"], stride=2, padding=1)
        x = norm(w, f"deconv_layers.{i + 1}", x).relu()
    return features, conv(w, "final_layer", x)


def hrnet(w, x):
    """The finest branch after stage 4, and its 1x1 convolution."""
    for i in (1, 2):
        x = norm(w, f"bn{i}", conv(w, f"conv{i}", x, 2)).relu()
    for block in range(count(w, "layer1")):
        x = residual_block(w, f"layer1.{block}", x)
    branches = [x]
    for stage in (2, 3, 4):
        branches = [hrnet_transition(w, stage - 1, branches, i) for i in range(stage)]
        for module in range(count(w, f"stage{stage}")):
            branches = hrnet_module(w, f"stage{stage}.{module}", branches)
    return branches[0], conv(w, "final_layer", branches[0])


def hrnet_transition(w, transition, branches, i):
    name = f"transition{transition}.{i}"
    if i >= len(branches):
        return norm(w, f"{name}.0.1", conv(w, f"{name}.0.0", branches[-1], 2)).relu()
    if f"{name}.0.weight" in w:
        return norm(w, f"{name}.1", conv(w, f"{name}.0", branches[i])).relu()
    return branches[i]


def hrnet_module(w, name, branches):
    branches = list(branches)
    for i in range(len(branches)):
        for block in range(count(w, f"{name}.branches.{i}")):
            branches[i] = residual_block(w, f"{name}.branches.{i}.{block}", branches[i])
    return [
        sum(hrnet_path(w, f"{name}.fuse_layers.{i}.{j}", x, i, j) for j, x in enumerate(branches))
        .relu()
        for i in range(count(w, f"{name}.fuse_layers"))
    ]  # fmt: skip


def hrnet_path(w, name, x, i, j):
    """What branch j, x, adds to branch i: as it is, nearest-neighbour enlarged, or strided down."""
    if j > i:
        x = norm(w, f"{name}.1", conv(w, f"{name}.0", x))
        return x.repeat_interleave(2 ** (j - i), 2).repeat_interleave(2 ** (j - i), 3)
    for k in range(i - j):
        x = norm(w, f"{name}.{k}.1", conv(w, f"{name}.{k}.0", x, 2))
        x = x if k == i - j - 1 else x.relu()
    return x


def mobilenet(w, x):
    """MobileNetV2's 1280 channels, three pixel-shuffle blocks, softmax over each map."""
    x = F.relu6(norm(w, "features.0.1", conv(w, "features.0.0", x, 2)))
    for block in range(1, 18):
        x = inverted_residual(w, f"features.{block}.conv", x, 2 if block in (2, 4, 7, 14) else 1)
    features = F.relu6(norm(w, "features.18.1", conv(w, "features.18.0", x)))
    x = conv(w, "conv_compress", features)
    for block in ("duc1", "duc2", "duc3"):
        x = norm(w, f"{block}.bn", conv(w, f"{block}.conv", x)).relu()
        b, c, h, width = x.shape
        x = x.view(b, c // 4, 2, 2, h, width).permute(0, 1, 4, 2, 5, 3)
        x = x.reshape(b, c // 4, 2 * h, 2 * width)
    powers = conv(w, "hm_conv", x).double().exp()
    return features, (powers / powers.sum((2, 3), keepdim=True)).float()


def inverted_residual(w, name, x, stride):
    y = x
    convolutions = [i for i in (0, 3, 6) if f"{name}.{i}.weight" in w]
    for i in convolutions:
        depthwise = w[f"{name}.{i}.weight"].shape[1] == 1
        y = norm(w, f"{name}.{i + 1}", conv(w, f"{name}.{i}", y, stride if depthwise else 1))
        y = y if i == convolutions[-1] else F.relu6(y)
    return x + y if y.shape == x.shape else y


def hrnet_domain(w, x):
    for i in (0, 4):
        x = F.conv2d(x, w[f"conv_layer.{i}.weight"], w[f"conv_layer.{i}.bias"])
        x = F.max_pool2d(norm(w, f"conv_layer.{i + 1}", x).relu(), 2)
    return decision(w, x.flatten(1))


def mobilenet_domain(w, x):
    for i in (0, 3, 6):
        x = norm(w, f"conv_layer.{i + 1}", conv(w, f"conv_layer.{i}", x)).relu()
    return decision(w, F.max_pool2d(x, 2).flatten(1))


def decision(w, x):
    """Logits of fully connected layers."""
    for i in (0, 3):
        x = torch.addmm(w[f"layer.{i}.bias"], x, w[f"layer.{i}.weight"].T)
        x = norm(w, f"layer.{i + 1}", x).relu()
    return (x @ w["layer.6.weight"].T + w["layer.6.bias"]).squeeze(1)
