"""The official networks' parameter names and shapes, recorded in tests/golden."""

import json
from pathlib import Path

FILE = Path(__file__).parents[1] / "golden" / "a6_official_state_shapes.json"


def official_parameters(net):
    """{name: shape} in the order of the official network's parameters()."""
    record = json.loads(FILE.read_text())[net]
    return {name: tuple(record["state_dict"][name]) for name in record["parameters_in_order"]}


def parameters(module):
    return {name: tuple(p.shape) for name, p in module.named_parameters()}
