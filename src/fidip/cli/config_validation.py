"""Checks a composed configuration against its schema and reports each problem in one sentence."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from fidip.cli.components import is_allowed, schema_of

Path = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""

REFERENCE = re.compile(r"\$\{(\w[\w.]*)\}")
"""An interpolation that only repeats another key."""

WORDS = {
    "bool_type": "true or false",
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "null",
    "greater_than": "more than {gt:.12g}",
    "greater_than_equal": "at least {ge:.12g}",
    "less_than": "less than {lt:.12g}",
    "less_than_equal": "at most {le:.12g}",
    "too_short": "at least {min_length} values",
    "too_long": "at most {max_length} values",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "text that matches {pattern}",
    "union_tag_invalid": "a component of another kind here ({expected_tags})",
}
"""What was expected, for each of pydantic's types of error."""


@dataclass
class Resolved:
    """A configuration as plain values.

    Attributes:
        values: all values.
        references: keys that only repeat another key, ``a: ${b}``, with that key.
        missing: keys without a value, or that refer to one without a value.
        broken: keys that refer to themselves or to a key that does not exist.
    """

    values: dict[str, Any] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)


NO_VALUE = "a value"
OF_EXPERIMENT = (
    ". If the experiment sets it for its own method, leave out method= and task=, or use an "
    "experiment without such keys, such as experiment=finetune_demo"
)
NOT_ALLOWED = (
    "a class or function that fidip's own configurations use. If you trust it, add "
    "allow_targets=[MODULE]"
)


def find_problems(schema: type[BaseModel], config: DictConfig) -> list[str]:
    """Return what is wrong with a composed configuration.

    Keys without a value (``???``) are not reported here, because the command can explain them.

    Args:
        schema: model of the configuration.
        config: the configuration; interpolations are resolved where they can be.

    Returns:
        A sentence for each problem with the key, its value and what was expected.
    """
    resolved = resolve(config)
    found: dict[str, tuple[Any, list[str]]] = {}
    for path, kind, words in (*_errors(schema, resolved.values), *_unfit(resolved.values)):
        shown = _whole_list(resolved.values, path)
        key = dotted(shown)
        if kind == "missing" and any(f"{key}.".startswith(f"{m}.") for m in resolved.missing):
            continue
        if kind == "finite_number" and _referred(key, resolved.references) in found:
            continue  # reported already
        about: tuple[Any, list[str]] = (_at(resolved.values, shown), [])
        _, expected = found.setdefault(_referred(key, resolved.references), about)
        if words not in expected:
            expected.append(words)
    broken = [
        f"{key}: refers to itself or to a key that does not exist; expected the name of another "
        "key in ${...}"
        for key in sorted(resolved.broken)
    ]
    return [_sentence(key, value, expected) for key, (value, expected) in found.items()] + broken


def resolve(config: DictConfig) -> Resolved:
    """Return a configuration as plain values; see ``Resolved``."""
    out = Resolved()
    out.values = _plain(config, OmegaConf.to_container(config, resolve=False), (), out)
    return out


def _plain(node: Any, raw: Any, path: Path, out: Resolved) -> Any:
    """Return a node as plain values; ``raw`` is the node with unresolved interpolations."""
    if not isinstance(node, (DictConfig, ListConfig)):
        return node
    is_dict = isinstance(node, DictConfig)
    items: dict[Any, Any] = {}
    for key in list(node) if is_dict else range(len(node)):
        written = raw[key] if isinstance(raw, (dict, list)) else None
        reference = REFERENCE.fullmatch(written) if isinstance(written, str) else None
        if reference:
            out.references[dotted((*path, key))] = reference.group(1)
        try:
            missing = OmegaConf.is_missing(node, key)
            value = None if missing else node[key]
        except InterpolationKeyError:
            missing = True
            out.broken.add(dotted((*path, key)))
        except OmegaConfBaseException as error:
            missing = True
            if "Recursive" in str(error):
                out.broken.add(dotted((*path, key)))
        if missing:
            out.missing.add(dotted((*path, key)))
        else:
            items[key] = _plain(value, written, (*path, key), out)
    return items if is_dict else list(items.values())


def _whole_list(values: Any, path: Path) -> Path:
    """Return the path of the list that a plain value is in, or the value's own path."""
    in_list = path and isinstance(path[-1], int) and not isinstance(_at(values, path), dict)
    return path[:-1] if in_list else path


def _at(values: Any, path: Path) -> Any:
    for step in path:
        values = values.get(step) if isinstance(values, dict) else values[step]
    return values


def _errors(schema: type[BaseModel], values: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Yield the path, the type and the expectation of every error."""
    try:
        schema.model_validate(values)
    except ValidationError as errors:
        for error in errors.errors(include_url=False):
            path, parent = _real_path(error["loc"], values, error["type"])
            yield path, error["type"], _expected(error, path, parent)


def _real_path(location: Path, values: Any, kind: str) -> tuple[Path, Any]:
    """Return a location without pydantic's names of union members, and the last mapping in it."""
    path: list[str | int] = []
    node = values
    for number, step in enumerate(location):
        last = number == len(location) - 1
        inside = isinstance(node, (dict, list)) and (
            step in node if isinstance(node, dict) else isinstance(step, int) and step < len(node)
        )
        if inside:
            parent, node = node, node[step]
            path.append(step)
        elif last and kind == "missing":
            parent = node
            path.append(step)
    return tuple(path), parent if path else values


def _expected(error: Mapping[str, Any], path: Path, parent: Any) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        name = str(path[-1])
        return f"unknown key{did_you_mean(name, [k for k in _keys_beside(parent) if k != name])}"
    if kind == "missing":
        return NO_VALUE
    if kind == "literal_error":
        choices = re.sub(r"'([^']*)'", r"\1", context["expected"])
        return f"one of {choices}" if " or " in choices else choices
    words = WORDS.get(kind, str(error["msg"]).removeprefix("Input should be "))
    return words.format(**context)


def _keys_beside(node: Any) -> list[str]:
    """Return the keys of a mapping's component, or those that the mapping has."""
    schema = schema_of(node.get("_target_")) if isinstance(node, dict) else None
    if schema is not None:
        return [name for name, field in schema.model_fields.items() if field.alias is None]
    return list(map(str, node)) if isinstance(node, dict) else []


def _referred(key: str, references: Mapping[str, str]) -> str:
    """Return the key that a key below a reference stands for."""
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        target = references.get(".".join(parts[:length]))
        if target is not None:
            return _referred(".".join([target, *parts[length:]]), references)
    return key


def _sentence(key: str, value: Any, expected: Sequence[str]) -> str:
    if expected[0].startswith("unknown key"):
        hint = OF_EXPERIMENT if key.startswith("method.") else ""
        return f"{key}: {expected[0]}{hint}"
    if expected[0] == NO_VALUE and key == "method._target_":
        return f"method: no method has the keys that are set{OF_EXPERIMENT}"
    if expected[0] == NO_VALUE:
        return f"{key} is not set; give {key}=VALUE"
    wanted = " or ".join(words.removeprefix("expected ") for words in expected)
    return f"{key}={shown_value(value)}: expected {wanted}"


def _unfit(node: Any, path: Path = ()) -> Iterator[tuple[Path, str, str]]:
    """Yield errors that schemas of open components do not find: NaN, infinity, and targets."""
    if isinstance(node, dict):
        if "_target_" in node and not is_allowed(node["_target_"]):
            yield (*path, "_target_"), "target", NOT_ALLOWED
        for key, value in node.items():
            yield from _unfit(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _unfit(value, (*path, index))
    elif isinstance(node, float) and not math.isfinite(node):
        yield path, "finite_number", WORDS["finite_number"]


def dotted(path: Path) -> str:
    """Return a path as it is typed, such as ``data.root`` or ``rotations.0``."""
    return ".".join(map(str, path))


def shown_value(value: Any) -> str:
    """Return a value as it is typed, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value) if not isinstance(value, str) else repr(value)[1:-1]
    return text if len(text) <= 80 else f"{text[:77]}..."


def did_you_mean(name: str, candidates: Sequence[str]) -> str:
    """Return the end of a sentence that suggests the nearest candidate, or an empty text.

    Example:
        >>> did_you_mean("trian", ["train", "check"])
        ", did you mean 'train'?"
    """
    near = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    return f", did you mean '{near[0]}'?" if near else ""
