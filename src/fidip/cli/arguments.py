"""Checks the command line before Hydra reads it, in less than a second.

One message lists all problems. Nothing here imports PyTorch.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, get_args, get_origin

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel

from fidip.cli.commands import SCHEMAS, Command
from fidip.cli.components import one_of, trusting
from fidip.cli.composition import compose
from fidip.cli.config_validation import did_you_mean, find_problems, resolve, shown_value
from fidip.cli.fields import QUOTED
from fidip.cli.hydra_internals import get_args_parser
from fidip.core.errors import ConfigError
from fidip.io.former_names import current_word

HYDRA_GROUPS = frozenset({"hydra.launcher", "hydra.sweeper"})
"""Keys of Hydra that hold a component, and that Hydra would replace by any value."""
HYDRA_PATHS = frozenset({"hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"})
SETS_KEY = re.compile(r"[+~]{0,2}(hydra/)?[\w.@]+=|~")
"""The beginning of a word that sets a key, unlike a pattern such as ``outputs/lr=0.1/*``."""
PLACES = {"augment": "augment@data.augment", "loss": "loss@task.loss"}
"""Groups that fill a part of a component: the name that users type, and the name in Hydra."""
ARGUMENT = re.compile(r"(?P<mark>\+\+|\+|~)?(?P<key>[^=]*)=(?P<value>.*)", re.DOTALL)


def check_command_line(command: str) -> None:
    """Check ``sys.argv`` for a command, and quote file names in it for Hydra.

    Args:
        command: name of the command, such as ``train``.

    Raises:
        ConfigError: arguments are wrong; the message names all of them.
    """
    flags, words = split_flags(sys.argv[1:])
    schema = SCHEMAS[command]
    multirun = bool({"-m", "--multirun"} & set(flags))
    if {"--hydra-help", "--info", "-i", "--version"} & set(flags):
        return
    if multirun and not schema.sweeps:
        raise ConfigError(
            f"-m: fidip {command} runs once; only fidip train has sweeps. Leave out -m"
        )
    problems, overrides = read_words(words, schema, multirun)
    first, *others = variants(overrides) if multirun else [overrides]
    folders = search_path(flags)
    config, unknown = compose(command, [*first, *folders])
    problems += unknown
    if config is not None:
        problems += [*problems_of(command, config), *missing(schema, config)]
    for other in others:
        # Overrides that do not fit one job are reported when that job starts.
        config, _ = compose(command, [*other, *folders])
        problems += problems_of(command, config) if config is not None else []
    if problems:
        raise ConfigError("; ".join(dict.fromkeys(problems)))
    sys.argv[1:] = [*flags, *overrides]


def problems_of(command: str, config: DictConfig) -> list[str]:
    """Return a sentence about each wrong value of a command's configuration."""
    with trusting(trusted(config)):
        return find_problems(SCHEMAS[command], config)


def missing(schema: type[Command], config: DictConfig) -> list[str]:
    """Return a sentence about each required key that is not set."""
    absent = resolve(config).missing
    return [f"{key} is not set: {give}" for key, give in schema.needs.items() if key in absent]


def trusted(config: DictConfig) -> list[str]:
    """Return the targets outside fidip that the command line allows."""
    names = OmegaConf.select(config, "allow_targets") or []
    return [str(name) for name in names]


def split_flags(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate Hydra's options and their values from ``key=value`` words.

    Args:
        arguments: the words after the name of the command.

    Returns:
        The options, and the other words.

    Raises:
        ConfigError: an option does not exist.
    """
    parser = get_args_parser()

    def refuse(message: str) -> Any:
        raise ConfigError(f"{message}; settings are given as key=value, without dashes")

    parser.error = refuse
    known, unknown = parser.parse_known_args(list(arguments))
    odd = [word for word in unknown if word.startswith("-")]
    if odd:
        key = odd[0].lstrip("-").partition("=")[0]
        raise ConfigError(f"{odd[0]}: there is no such option; a setting is given as {key}=VALUE")
    if known.experimental_rerun is not None:
        raise ConfigError("--experimental-rerun: reads a pickle, which may run code; not supported")
    words = [*known.overrides, *unknown]
    flags = list(arguments)
    for word in words:
        flags.remove(word)
    return flags, words


def search_path(flags: Sequence[str]) -> list[str]:
    """Return the override that stands for ``--config-dir``, a folder with files of the user.

    Example:
        >>> search_path(["-m", "--config-dir=/my conf"])
        ["hydra.searchpath=['file:///my conf']"]
        >>> search_path(["-m"])
        []
    """
    folder = get_args_parser().parse_known_args(list(flags))[0].config_dir
    if folder is None:
        return []
    path = os.path.abspath(folder).replace("'", "\\'")
    return [f"hydra.searchpath=['file://{path}']"]


def _renamed(word: str) -> str:
    """Replace former names in a word, with a note, and short names of groups."""
    current = current_word(word)
    if current != word:
        print(f"note: {word} is now {current}", file=sys.stderr)
    key, equals, value = current.partition("=")
    return f"{PLACES.get(key, key)}{equals}{value}"


def read_words(
    words: Sequence[str], schema: type[Command], multirun: bool
) -> tuple[list[str], list[str]]:
    """Quote the values that are text, and find words that cannot be used.

    Args:
        words: ``key=value`` words, as they were typed.
        schema: of the command.
        multirun: whether a value may be a list of values for a sweep.

    Returns:
        A sentence about each bad word, and the other words in Hydra's grammar.
    """
    problems, overrides = [], []
    parser = OverridesParser.create()
    for given in words:
        is_value = schema.takes_word and not SETS_KEY.match(given)
        word = f"{schema.main_key}={given}" if is_value else _renamed(given)
        try:
            overrides.append(_read_word(word, schema, multirun, parser))
        except ConfigError as error:
            problems.append(str(error))
    return problems, overrides


def _read_word(word: str, schema: type[Command], multirun: bool, parser: OverridesParser) -> str:
    """Return a word in Hydra's grammar; raises ConfigError for one that cannot be used."""
    match = ARGUMENT.fullmatch(word)
    problem = _bad_word(word, match, schema)
    if problem:
        raise ConfigError(problem)
    setting = word
    if match and (match["key"] in text_keys(schema) or match["key"] in HYDRA_PATHS):
        setting = f"{match['mark'] or ''}{match['key']}={quote(match['value'], multirun)}"
    try:
        override = parser.parse_override(setting)
    except HydraException as error:
        raise ConfigError(_unreadable(word)) from error
    if not multirun and override.is_sweep_override():
        several = " are for a sweep: add -m, or quote" if schema.sweeps else "; expected one. Quote"
        key = match["key"] if match else word
        raise ConfigError(
            f"""{word}: several values{several} one value with commas in it: '{key}="..."'"""
        )
    if not _is_used(override, schema):
        near = did_you_mean(_root(override), _own(schema))
        raise ConfigError(f"{override.key_or_group}: unknown key{near}")
    return setting


def _bad_word(word: str, match: re.Match[str] | None, schema: type[Command]) -> str | None:
    """Return what is wrong with a word before its value is parsed; ``match`` is of ``ARGUMENT``."""
    if match is None:
        return None if word.startswith("~") else _not_a_setting(word, schema)
    key, value = match["key"], match["value"]
    if not key:
        return f"{shown_value(word)}: expected KEY=VALUE, with a key"
    if key in HYDRA_PATHS and value in ("", "''", '""'):
        return f"{key}=: expected a folder"
    if key in HYDRA_GROUPS:
        return f"{shown_value(word)}: expected {key.replace('.', '/')}=NAME"
    return None


def quote(value: str, multirun: bool = False) -> str:
    """Return a text in Hydra's grammar: in quotes if it would mean something else without.

    Quoted text, ``null``, interpolations and, in a sweep, lists are not changed.

    Args:
        value: the text, as it was typed.
        multirun: whether it may be a list of values for a sweep.

    Example:
        >>> quote("data/demo"), quote("my baby (1), 2.mp4"), quote("007")
        ('data/demo', "'my baby (1), 2.mp4'", '007')
    """
    if (
        value.lower() in ("null", "???", "")
        or "${" in value
        or re.fullmatch(r"(?s)(['\"]).*\1", value)
    ):
        return value
    if multirun and re.search(r",|^\w+\(", value):
        return value
    if _means_itself(value):
        return value
    escaped = re.sub(r"(\\*)'", lambda m: 2 * m[1] + r"\'", value)
    escaped = re.sub(r"\\+$", lambda m: 2 * m[0], escaped)
    return f"'{escaped}'"


def _means_itself(value: str) -> bool:
    try:
        override = OverridesParser.create().parse_override(f"key={value}")
    except HydraException:
        return False
    return not override.is_sweep_override() and override.value() == value


@functools.cache
def text_keys(schema: type[BaseModel], prefix: str = "") -> frozenset[str]:
    """Return the dotted keys of a schema that hold text."""
    return frozenset(_text_keys(schema, prefix))


def _text_keys(schema: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in schema.model_fields.items():
        key = f"{prefix}{name}"
        if any(get_origin(each) is list for each in get_args(field.annotation)):
            continue  # text or a list: a list must not be quoted
        for part in _parts(field.annotation, field.metadata):
            if part is QUOTED:
                yield key
            elif isinstance(part, one_of):
                for model in part.models:
                    yield from _text_keys(model, f"{key}.")
            elif isinstance(part, type) and issubclass(part, BaseModel):
                yield from _text_keys(part, f"{key}.")


def _parts(annotation: Any, metadata: Sequence[Any]) -> Iterator[Any]:
    """Yield the parts of a field's annotation, except the elements of lists."""
    yield from metadata
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        yield from _parts(inner, marks)
    elif get_origin(annotation) in (list, dict):
        return
    elif get_args(annotation):
        for argument in get_args(annotation):
            yield from _parts(argument, ())
    else:
        yield annotation


def variants(overrides: Sequence[str]) -> list[list[str]]:
    """Return lists of overrides that together contain every value of a sweep.

    The first has the first value of each key; each other one differs from it in one value. Ranges
    of a search are left out.

    Example:
        >>> variants(["seed=0,1,2", "net=demo"])
        [['seed=0', 'net=demo'], ['seed=1', 'net=demo'], ['seed=2', 'net=demo']]
    """
    parser, choices = OverridesParser.create(), []
    for word in overrides:
        override = parser.parse_override(word)
        if not override.is_sweep_override():
            choices.append([word])
        elif override.value_type in (ValueType.CHOICE_SWEEP, ValueType.SIMPLE_CHOICE_SWEEP):
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
    first = [words[0] for words in choices]
    others = [
        [*first[:at], word, *first[at + 1 :]]
        for at, words in enumerate(choices)
        for word in words[1:]
    ]
    return [first, *others]


def _not_a_setting(word: str, schema: type[Command]) -> str:
    if word in _own(schema):
        return f"{word}: expected {word}=VALUE"
    near = schema.main_key
    value = shown_value(word)
    return f"{value}: settings are given as KEY=VALUE; did you mean {near}={value}?"


def _unreadable(word: str) -> str:
    key, _, value = word.partition("=")
    if not value:
        return f"{shown_value(word)}: expected KEY=VALUE"
    quoted = value.replace("'", r"\'")
    remedy = f"""put it into quotes twice: {key}="'{shown_value(quoted)}'\""""
    return f"{shown_value(word)}: the value cannot be read; {remedy}"


def _root(override: Override) -> str:
    return re.split(r"[./@]", override.key_or_group)[0]


def _own(schema: type[Command]) -> list[str]:
    """Return the keys and groups that the command line may set."""
    return [*schema.model_fields, *schema.groups]


def _is_used(override: Override, schema: type[Command]) -> bool:
    """Whether a command may use what is set; for fidip train, users may add groups."""
    return schema.sweeps or _root(override) in {*_own(schema), "hydra"}
