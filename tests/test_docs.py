"""Every command that README, docs and experiments print has keys that exist."""

import re
import shlex
from pathlib import Path

import hydra
import pytest

from fidip.cli import config_dir

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
    overrides = [argument for argument in arguments if argument != "-m"]
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        hydra.compose(name, overrides, return_hydra_config=True)
