"""Hydra's private modules have what fidip uses, in the version that this names."""

import inspect
import subprocess
import sys
from pathlib import Path

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser

import fidip
from fidip.cli.composition import compose
from fidip.cli.hydra_internals import BASIC_LAUNCHER, BasicSweeper, get_args_parser

CHECKED_WITH = "1.3"


def test_it_was_checked_with_this_version():
    assert hydra.__version__.startswith(f"{CHECKED_WITH}."), (
        "check src/fidip/cli/hydra_internals.py against this version of Hydra, then name it here"
    )


def test_the_parser_separates_flags_from_words():
    known, unknown = get_args_parser().parse_known_args(["-m", "seed=1", "--cfg", "job", "--odd"])
    assert (known.overrides, known.multirun, known.cfg, unknown) == (
        ["seed=1"],
        True,
        "job",
        ["--odd"],
    )
    assert known.experimental_rerun is None


def test_the_sweeper_has_the_methods_that_a_sweep_extends():
    overrides = OverridesParser.create().parse_overrides(["a=1,2", "b=3"])
    assert BasicSweeper.split_arguments(overrides, None) == [[["a=1", "b=3"], ["a=2", "b=3"]]]
    assert list(inspect.signature(BasicSweeper._parse_config).parameters) == ["self"]
    assert list(inspect.signature(BasicSweeper.__init__).parameters) == [
        "self",
        "max_batch_size",
        "params",
    ]


def test_the_launcher_without_a_plugin_is_the_basic_one():
    with hydra.initialize(version_base="1.3", config_path=None):
        config = hydra.compose(overrides=[], return_hydra_config=True)
    assert config.hydra.launcher._target_ == BASIC_LAUNCHER
    assert compose("zoo", [])[1] == []


def test_the_sweeper_is_imported_late():
    """Importing it before Hydra looks for plugins breaks its ``super(BasicSweeper, self)``."""
    code = (
        "import sys, fidip.cli.hydra_internals; "
        "print([name for name in sys.modules if 'core_plugins.' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_nothing_else_imports_private_modules():
    sources = Path(fidip.__file__).parents[1].rglob("*.py")
    users = [path.name for path in sources if "hydra._internal" in path.read_text(encoding="utf-8")]
    assert users == ["hydra_internals.py"]
