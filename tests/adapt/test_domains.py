"""Which samples are of the source and of the target domain."""

import pytest
import torch
from omegaconf import OmegaConf

from fidip.adapt.domains import source_and_target
from fidip.core.errors import ConfigError
from tests.adapt.test_methods import compose, fit

ALIGNING = ["coral", "mmd", "regda"]
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


UNLABELLED = ["data.target_labels=0", "data.target_split=null", "data.replay_split=null"]


@pytest.mark.forks
@pytest.mark.parametrize("method", [*ALIGNING, "adversarial", "dann"])
def test_a_target_without_labels_is_learned_from(method, tiny_root):
    words = [*UNLABELLED, "data.batch_size=8", "trainer.max_epochs=1"]
    config = compose(method, tiny_root, *words)
    with_target = fit(config).net.state_dict()
    OmegaConf.update(config, "method.weight", 0)
    without = fit(config).net.state_dict()
    assert any(not torch.equal(with_target[name], without[name]) for name in without)


ONE_DOMAIN = ["data.target_split=null", "data.batch_size=6", "data.balanced=false"]


@pytest.mark.parametrize("method", ALIGNING)
@pytest.mark.parametrize("words", [["data.real_images=0"], ["data.synthetic_images=0"]])
def test_one_domain_is_one_line_also_where_replayed_images_are_of_the_other(
    method, words, tiny_root
):
    with pytest.raises(ConfigError) as error:
        fit(compose(method, tiny_root, *words, *ONE_DOMAIN))
    assert "images of a source and of a target domain" in str(error.value)
    assert "\n" not in str(error.value)
