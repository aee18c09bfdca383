"""Settings are read and written with the values that OmegaConf gives them."""

import math

import pytest
from omegaconf import OmegaConf

from fidip.core.errors import DamagedRunError
from fidip.io.paths import config_dir
from fidip.io.yaml import load_settings, parse_settings, to_yaml

ODD_TEXTS = [
    "", " ", "1", "1.5", "1e-3", ".5", "1_000", "inf", "nan", ".inf", "-.nan", "yes", "No", "ON",
    "y", "null",
    "~", "true", "2026-01-31", "12:30", "12:30:45", "0x1f", "0o7", "a: b", "# c", "- d", "${x}",
    "\n", "line\nline",
    "é", "'", '"', "[1]", "{a: 1}", "&x", "*x", "!t", "a" * 200, "%", "@", "`", "=", "<<", "?",
    "???",
]  # fmt: skip
NUMBERS = [
    0,
    -1,
    1.0,
    0.1,
    1e-7,
    1e20,
    math.inf,
    -math.inf,
    True,
    False,
    None,
    [],
    {},
    [[1], {"a": []}],
]


@pytest.mark.parametrize("value", [*ODD_TEXTS, *NUMBERS], ids=repr)
def test_values_are_written_as_omegaconf_writes_them(value):
    settings = {"a": {"b": [value]}, "c": value}
    text = to_yaml(settings)
    plain = OmegaConf.create(settings) if value != "${x}" else None
    if plain is not None:
        assert text == OmegaConf.to_yaml(plain)
    assert parse_settings(text) == settings


@pytest.mark.parametrize("path", sorted(config_dir().rglob("*.yaml")), ids=lambda path: path.name)
def test_files_are_read_as_omegaconf_reads_them(path):
    expected = OmegaConf.to_container(OmegaConf.load(path))
    if expected and "&" not in path.read_text():  # aliases are refused
        assert load_settings(path) == expected


@pytest.mark.parametrize(
    "text", ["1e-3", "1.", "+1", "1_0", "0x1f", "2026-01-31", "1:30", "on", "~", "''"]
)
def test_scalars_are_read_as_omegaconf_reads_them(text):
    assert parse_settings(f"a: {text}") == OmegaConf.to_container(OmegaConf.create(f"a: {text}"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\na: 2", "the key a twice"),
        ("a: !!set {b}", "holds a set"),
        ("? [1, 2]\n: 3", "not valid YAML"),
        ("a: !!binary aGk=", "holds a bytes"),
        ("null: 1", "the key None"),
    ],
)
def test_what_is_no_settings_is_one_line(tmp_path, text, reason):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(DamagedRunError, match=reason) as error:
        load_settings(path)
    assert "\n" not in str(error.value)
