"""Losses against the official code's numbers and against loops over joints."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fidip.nn.losses import heatmap_mse, heatmap_ohkm

A4 = np.load(Path(__file__).parent / "golden" / "a4_losses.npz")
CASES = range(4)
TOPK = {0: 8, 1: 8, 2: 4, 3: 8}


def golden(name):
    return torch.from_numpy(A4[name])


def inputs(case):
    """Output (a leaf that requires gradients), target and (B, K) weight of a golden case."""
    output = golden(f"output_{case}").requires_grad_()
    return output, golden(f"target_{case}"), golden(f"weight_{case}").squeeze(-1)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_mse_and_its_gradient_are_those_of_the_official_code(case, weighted):
    output, target, weight = inputs(case)
    loss = heatmap_mse(output, target, weight if weighted else None)
    loss.backward()
    suffix = f"{case}_w{int(weighted)}"
    torch.testing.assert_close(loss.detach(), golden(f"loss_{suffix}"))
    torch.testing.assert_close(output.grad, golden(f"grad_{suffix}"))


@pytest.mark.parametrize("case", CASES)
def test_ohkm_is_that_of_the_official_code(case):
    loss = heatmap_ohkm(*inputs(case), topk=TOPK[case])
    torch.testing.assert_close(loss.detach(), golden(f"ohkm_top{TOPK[case]}_{case}"))


def test_mse_is_the_mean_over_joints_of_half_the_squared_error():
    output, target, weight = (tensor.detach().numpy() for tensor in inputs(0))
    losses = [
        0.5 * np.mean((weight[:, k, None, None] * (output[:, k] - target[:, k])) ** 2)
        for k in range(17)
    ]
    loss = heatmap_mse(*(torch.from_numpy(array) for array in (output, target, weight)))
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_ohkm_of_all_joints_is_the_mse():
    output, target, weight = inputs(0)
    torch.testing.assert_close(
        heatmap_ohkm(output, target, weight, topk=17), heatmap_mse(output, target, weight)
    )


def test_ohkm_has_no_gradient_at_the_easy_joints():
    output = torch.zeros(2, 3, 4, 4, requires_grad=True)
    target = torch.tensor([[1.0, 2, 3], [3, 1, 2]])[..., None, None].expand(2, 3, 4, 4)
    heatmap_ohkm(output, target, torch.ones(2, 3), topk=2).backward()
    learning = output.grad.abs().sum((2, 3)) > 0
    assert learning.tolist() == [[False, True, True], [True, False, True]]


@pytest.mark.parametrize("loss", [heatmap_mse, heatmap_ohkm])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(loss, dtype):
    output = torch.full((2, 17, 96, 72), 300.0, dtype=dtype)  # 300 squared overflows float16
    value = loss(output, torch.zeros_like(output), torch.ones(2, 17, dtype=dtype))
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(300.0**2 / 2)
