"""The official networks' names and shapes, recorded in tests/golden, and weights made of them."""

import json
from pathlib import Path

import torch

FILE = Path(__file__).parents[1] / "golden" / "a6_official_state_shapes.json"


def official_parameters(net):
    """{name: shape} in the order of the official network's parameters()."""
    record = json.loads(FILE.read_text())[net]
    return {name: tuple(record["state_dict"][name]) for name in record["parameters_in_order"]}


def official_state(net):
    """{name: shape} of the official network's state_dict()."""
    return {n: tuple(s) for n, s in json.loads(FILE.read_text())[net]["state_dict"].items()}


def parameters(module):
    return {name: tuple(p.shape) for name, p in module.named_parameters()}


def shapes(state):
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def random_weights(state_shapes, seed=0):
    """Weights of these shapes that let a signal through, with lively BatchNorm statistics."""
    generator = torch.Generator().manual_seed(seed)

    def make(name, shape):
        if name.endswith("num_batches_tracked"):
            return torch.tensor(7)
        if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
            return torch.rand(shape, generator=generator) + 0.5
        noise = torch.randn(shape, generator=generator)
        return noise / noise[0].numel() ** 0.5 if len(shape) > 1 else 0.1 * noise

    return {name: make(name, shape) for name, shape in state_shapes.items()}
