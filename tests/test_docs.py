"""Every command that README, docs and experiments print has keys that exist."""

import re
import shlex
from pathlib import Path

import hydra
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from fidip.places import config_dir

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/*/README.md")]
COMMANDS = sorted(
    {
        command
        for page in PAGES
        for command in re.findall(
            r"(?:`|^)fidip ([a-z]+ [^`\n#]*=[^`\n#]*)", page.read_text(), re.M
        )
    }
)


def test_there_are_commands():
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("command", COMMANDS)
def test_its_keys_exist(command):
    name, *arguments = shlex.split(command)
    if any(argument.startswith("--config-dir") for argument in arguments):
        pytest.skip("has files of the reader's own")
    parsed = OverridesParser.create().parse_overrides([a for a in arguments if a[0] != "-"])
    overrides = BasicSweeper.split_arguments(parsed, None)[0][0]  # the first of a sweep
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        hydra.compose(name, overrides, return_hydra_config=True)
