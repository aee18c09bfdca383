"""Errors of library code name arguments; the command line prints their configuration keys."""

import pickle

import pytest
from omegaconf import OmegaConf

from fidip.cli import instantiate
from fidip.cli.targets import keys_for_arguments
from fidip.core.errors import ArgumentError, ConfigError

CONFIG = OmegaConf.create(
    {
        "name": "demo",
        "batch_size": "${data.batch_size}",
        "codec": {
            "_target_": "fidip.codecs.gaussian.HeatmapCodec",
            "input_wh": [192, 256],
            "heatmap_wh": [48, 64],
            "sigma": 2.0,
            "decoder": {
                "_target_": "fidip.codecs.decoders.dark_decode", "_partial_": True, "kernel": 10,
            },
        },
        "net": {"backbone": {"_target_": "fidip.nn.HRNet", "name": "hrnet_w99"}},
        "data": {"batch_size": 5, "root": "???", "replay_split": "adult"},
        "body_face": [1, 2],
        "preset": {"clips": {"train": [{"postures": ["prone"]}]}},
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("argument", "value", "key"),
    [
        ("kernel", 10, "codec.decoder.kernel=10"),
        ("batch_size", 5, "data.batch_size=5"),
        ("heatmap_wh", (48, 64), "codec.heatmap_wh=[48, 64]"),
        ("name", "hrnet_w99", "net.backbone.name=hrnet_w99"),
        ("name", "demo", "name=demo"),
        ("kernel", 11, "kernel=11"),
        ("face", (1, 2), "body_face=[1, 2]"),
        ("ace", (1, 2), "ace=[1, 2]"),
        ("data_replay_split", "adult", "data.replay_split=adult"),
        ("postures", ("prone",), "preset.clips.train[0].postures=[prone]"),
        ("causal", True, "causal=true"),
        ("unknown", None, "unknown=null"),
    ],
)
def test_an_argument_gets_the_key_that_has_its_value(argument, value, key):
    with pytest.raises(ConfigError) as error, keys_for_arguments(CONFIG):
        raise ArgumentError(argument, value, "expected another")
    assert str(error.value) == f"{key}: expected another"


def test_an_object_that_cannot_be_built_names_the_key():
    with pytest.raises(ConfigError, match=r"^net\.backbone\.name=hrnet_w99: expected one of hrnet"):
        instantiate(CONFIG.net.backbone)
    changed = OmegaConf.merge(
        CONFIG, {"codec": {"heatmap_wh": [48, 48], "decoder": {"kernel": 11}}}
    )
    with pytest.raises(
        ConfigError, match=r"^run: codec\.heatmap_wh=\[48, 48\]: aspect ratio differs"
    ):
        instantiate(changed.codec, source="run")


def test_an_argument_error_passes_between_processes():
    error = pickle.loads(pickle.dumps(ArgumentError("kernel", 10, "expected an odd number")))
    assert (str(error), error.argument) == ("kernel=10: expected an odd number", "kernel")
