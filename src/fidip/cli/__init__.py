"""The command line: ``fidip X key=value`` is ``python -m fidip.X key=value``.

Every command is a Hydra application made by ``command``. What a user can get wrong ends in one
line on stderr and exit status 2; ``FIDIP_TRACEBACK=1`` shows where it came from.
"""

from __future__ import annotations

import difflib
import functools
import os
import re
import runpy
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fidip.errors import FidipError
from fidip.places import config_dir

COMMANDS = {
    "synthesize": "write a free data set in SyRIP's layout",
    "check": "look at all of a data set, and say what is odd",
    "train": "train and test one experiment",
    "evaluate": "score a checkpoint or a COCO results file",
    "predict": "key points of photographs and videos",
    "app": "the same on a web page on this computer",
    "compare": "table and page from run folders",
    "export": "write a network as ONNX or TorchScript, checked",
    "zoo": "weights that have a name: their terms, and which are here",
    "labels": "labels of other programs as a data set",
    "import": "turn a checkpoint of others into ours",
}


HARMLESS = (
    "Experiment logs directory .* exists and is not empty",  # it holds our config.yaml
    ".*treespec, LeafSpec.*",  # Lightning 2.6 against the newest torch
    "Checkpoint directory .* exists and is not empty",
    "Total length of `list` across ranks is zero",  # there is no validation split
    "The `srun` command is available on your system but is not used",  # a run by hand there
    "You're resuming from a checkpoint that ended before the epoch",  # our samplers know where
    "You defined a `validation_step` but have no `val_dataloader`",
)


def main() -> None:
    """Run the command named first on the command line as a module of its own."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"error: no command '{name}'{_did_you_mean(name, COMMANDS)}", file=sys.stderr)
        raise SystemExit(2)
    sys.argv = [f"fidip {name}", *rest]
    if {"-h", "--help"} & set(rest):
        command(name)(lambda config: None)()  # the config knows; the module takes seconds to import
        return
    runpy.run_module(f"fidip.{name}", run_name="__main__", alter_sys=True)


def _usage() -> str:
    lines = [f"  {name:<12}{does}" for name, does in COMMANDS.items()]
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
    """Make a function of a config a command that composes ``conf/<config_name>.yaml``."""

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], None]:
        @functools.wraps(task)
        def run(config: DictConfig) -> Any:
            for message in HARMLESS:
                warnings.filterwarnings("ignore", message=message)
            with user_errors(config_name):
                return task(config)

        application = hydra.main(
            config_path=str(config_dir()), config_name=config_name, version_base="1.3"
        )(run)

        @functools.wraps(task)
        def entry() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # let errors through to us
            with user_errors(config_name):
                application()

        return entry

    return decorate


@contextmanager
def user_errors(config_name: str) -> Iterator[None]:
    """Turn what is the user's to mend into one line on stderr and exit status 2."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except SystemExit as exit_:
        # Lightning ends an interrupted run by itself, with status 1.
        if isinstance(exit_.__context__, KeyboardInterrupt):
            raise SystemExit(130) from None
        raise
    except Exception as error:
        message = explain(error, config_name)
        if message is None:
            raise
        if os.environ.get("FIDIP_TRACEBACK") == "1":
            traceback.print_exc()
        print(f"error: {message}", file=sys.stderr)
        raise SystemExit(2) from None


def explain(error: BaseException, config_name: str) -> str | None:
    """The line to print for an error that the user can mend; None for any other."""
    for cause in _causes(error):
        if isinstance(cause, FidipError):
            return _without_worker_traceback(str(cause))
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return _hydra_message(str(error), config_name)
    if type(error).__name__ == "MisconfigurationException":  # Lightning's; importing it takes 5 s
        return _one_line(str(error))
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _without_worker_traceback(message: str) -> str:
    """A loader's worker sends its whole traceback as the message; the last line is ours."""
    last = message.strip().splitlines()[-1] if message.strip() else message
    return re.sub(r"^[\w.]+Error: ", "", last)


def _one_line(message: str) -> str:
    return " ".join(message.split())


def _hydra_message(message: str, config_name: str) -> str:
    """Hydra's message without its stage directions, and with the nearest name that exists."""
    unknown = re.search(r"Could not override '([^'@]+)'", message)
    if unknown:
        key = unknown.group(1)
        return f"unknown key '{key}'{_did_you_mean(key, _keys(config_name, key))}"
    choice = re.search(r"Could not find '([^']+)'", message)
    if choice:
        group, _, name = choice.group(1).rpartition("/")
        options = sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))
        near = _did_you_mean(name, options)
        return f"no {group} '{name}'{near}; there are {', '.join(options)}"
    return _one_line(message)


def _did_you_mean(name: str, candidates: Sequence[str] | dict[str, str]) -> str:
    near = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.5)
    return f", did you mean '{near[0]}'?" if near else ""


def _keys(config_name: str, unknown: str) -> list[str]:
    """Every key of the config and the names of all groups, as the other overrides make it."""
    others = [a for a in sys.argv[1:] if "=" in a and a.split("=")[0].lstrip("+~") != unknown]
    groups = [path.name for path in config_dir().iterdir() if path.is_dir()]
    try:
        with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
            config = hydra.compose(config_name, overrides=[a for a in others if a[0] != "-"])
    except (HydraException, OmegaConfBaseException):
        return groups
    return [*groups, *_flatten(OmegaConf.to_container(config))]


def _flatten(node: object, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return []
    keys = []
    for key, value in node.items():
        keys += [f"{prefix}{key}", *_flatten(value, f"{prefix}{key}.")]
    return keys
