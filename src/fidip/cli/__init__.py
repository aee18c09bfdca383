"""The command line: ``fidip X key=value`` is ``python -m fidip.X key=value``.

Every command is a Hydra application made by ``command``. Errors that the user can fix end in one
line on stderr and exit status 2; ``FIDIP_TRACEBACK=1`` prints their traceback.
"""

from __future__ import annotations

import functools
import os
import runpy
import sys
import warnings
from collections.abc import Callable
from typing import Any

import hydra
from omegaconf import DictConfig

from fidip.cli.arguments import check_command_line, trusted
from fidip.cli.commands import SCHEMAS
from fidip.cli.components import trusting
from fidip.cli.config_validation import did_you_mean
from fidip.cli.help import help_of, summaries
from fidip.cli.messages import explain, user_errors
from fidip.cli.output_folder import remove_new_empty_folders
from fidip.cli.targets import instantiate, keys_for_arguments
from fidip.io.paths import config_dir

__all__ = ["check_arguments", "command", "explain", "instantiate", "main", "user_errors"]

COMMANDS = (
    *("synthesize", "check", "train", "evaluate", "predict", "app"),
    *("compare", "export", "zoo", "frames", "labels", "adapt", "convert"),
)
"""Names of the commands, in the order in which a user meets them."""
MODULES = {"adapt": "adapt_videos"}  # fidip.adapt has the methods
"""Modules of commands that have another name."""
HELP_FLAGS = frozenset({"-h", "--help"})

FORMER_NAMES = {"import": "convert"}


HARMLESS = (
    "Experiment logs directory .* exists and is not empty",  # config.yaml is in it
    ".*treespec, LeafSpec.*",  # Lightning 2.6 with the newest torch
    "Checkpoint directory .* exists and is not empty",
    "Total length of `list` across ranks is zero",  # there is no validation split
    "The `srun` command is available on your system but is not used",  # a run without srun
    "You're resuming from a checkpoint that ended before the epoch",  # the samplers continue
    "You defined a `validation_step` but have no `val_dataloader`",
)


def main() -> None:
    """Run the command that the first word on the command line names."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in HELP_FLAGS:
        print(_usage())
        return
    name, *rest = arguments
    if name in FORMER_NAMES:
        print(f"note: 'fidip {name}' is now 'fidip {FORMER_NAMES[name]}'", file=sys.stderr)
        name = FORMER_NAMES[name]
    if name not in COMMANDS:
        print(f"error: no command '{name}'{did_you_mean(name, COMMANDS)}", file=sys.stderr)
        raise SystemExit(2)
    sys.argv = [f"fidip {name}", *rest]
    if HELP_FLAGS & set(rest):
        check_arguments(name)  # the module would take seconds to import
    runpy.run_module(f"fidip.{module_of(name)}", run_name="__main__", alter_sys=True)


def module_of(name: str) -> str:
    """Return the name of the module of a command, in the package."""
    return MODULES.get(name, name)


def _usage() -> str:
    lines = [f"  {name:<12}{does}" for name, does in summaries(COMMANDS)]
    return "\n".join(
        [
            "usage: fidip COMMAND key=value ...",
            "",
            *lines,
            "",
            "fidip COMMAND --help explains its keys.",
        ]
    )


def command(config_name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Return a decorator that makes a command of a function.

    Args:
        config_name: name of the command; ``conf/<config_name>.yaml`` is composed for the function.
    """

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], None]:
        @functools.wraps(task)
        def run(config: DictConfig) -> Any:
            for message in HARMLESS:
                warnings.filterwarnings("ignore", message=message)
            with user_errors(), trusting(trusted(config)), keys_for_arguments(config):
                return task(SCHEMAS[config_name].used(config))

        application = hydra.main(
            config_path=str(config_dir()), config_name=config_name, version_base="1.3"
        )(run)

        @functools.wraps(task)
        def entry() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises errors instead of printing them
            check_arguments(config_name)
            try:
                with user_errors():
                    application()
            finally:
                remove_new_empty_folders()

        return entry

    return decorate


def check_arguments(config_name: str) -> None:
    """Check the command line, and print the help if it asks for that.

    Modules of commands call it before they import PyTorch, which takes seconds.

    Raises:
        SystemExit: with status 2 and one line on stderr if arguments are wrong; with status 0
            after the help.
    """
    if HELP_FLAGS & set(sys.argv[1:]):
        print(help_of(config_name))
        raise SystemExit
    with user_errors():
        check_command_line(config_name)
