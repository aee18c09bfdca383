"""Which samples are of the source and of the target domain."""

import pytest
import torch

from fidip.adapt.domains import source_and_target

NAN = float("nan")


def mask(letters, letter):
    return torch.tensor([each == letter for each in letters])


@pytest.mark.parametrize(
    ("is_synthetic", "kinds", "expected"),
    [  # l labelled, r replayed, u unlabelled; s source, t target, - neither
        ([1, 0, 1, 0], "llll", "stst"),
        ([1, 0, 1, 0], "llrr", "st--"),
        ([1, 0, 0, 0], "lluu", "s-tt"),  # labelled real samples are of neither
        ([0, 0, 0, 0], "lluu", "sstt"),
        ([NAN, NAN, 0, 0], "llur", "sst-"),
        ([1, NAN, 0, 1], "luul", "stts"),
        ([1, 1, 1, 1], "lluu", "sstt"),  # a synthetic target
        ([1, 1, 0, 0], "rrrr", "----"),
    ],
)
def test_domains(is_synthetic, kinds, expected):
    source, target = source_and_target(
        torch.tensor(is_synthetic, dtype=torch.float32), mask(kinds, "r"), mask(kinds, "u")
    )
    assert source.tolist() == mask(expected, "s").tolist()
    assert target.tolist() == mask(expected, "t").tolist()
