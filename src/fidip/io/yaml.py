"""YAML files of settings of unknown origin, such as the ``config.yaml`` of a run directory.

Scalars are read and written as OmegaConf does: ``1e-3`` is a number, dates are text, and text that
looks like a number or boolean is quoted. So files written by Hydra have the same values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from fidip.core.errors import DamagedRunError, reason
from fidip.io.former_names import with_current_names

DEEPEST, LONGEST = 30, 2**18
"""Levels and characters of a file; PyYAML takes minutes for much more."""
RESTORE = "Restore the file, or train the run again"
BOOLEANS = frozenset(
    form
    for word in ("y", "n", "yes", "no", "true", "false", "on", "off")
    for form in (word, word.capitalize(), word.upper())
)
"""Texts that some YAML readers interpret as a boolean."""
YAML_FLOAT = re.compile(
    r"""^(?:
     [-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+)
    |\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?
    |[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*
    |[-+]?\.(?:inf|Inf|INF)
    |\.(?:nan|NaN|NAN))$""",
    re.X,
)
"""Floats, including those without a decimal point that YAML 1.1 lacks, such as 1e-3."""
FLOAT, TIMESTAMP, TEXT = (f"tag:yaml.org,2002:{kind}" for kind in ("float", "timestamp", "str"))
SCALARS = (str, bool, int, float, type(None))


class _Loader(yaml.SafeLoader):
    """Loader that refuses duplicate keys in a mapping."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value if key.tag == TEXT]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise ValueError(f"it has the key {twice} twice")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(FLOAT, YAML_FLOAT, list("-+0123456789."))
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.SafeDumper):
    """Dumper without aliases, which ``load_settings`` refuses."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, text: str) -> Any:
    style = "'" if text in BOOLEANS or _is_number(text) else None
    return dumper.represent_scalar(TEXT, text, style=style)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_Dumper.add_representer(str, _text)


def to_yaml(settings: Mapping[str, Any]) -> str:
    """Convert settings to YAML, in their order.

    Args:
        settings: nested dictionaries and lists of plain values.

    Example:
        >>> print(to_yaml({"lr": 0.001, "sides": [192, 256], "name": "1e-3"}), end="")
        lr: 0.001
        sides:
        - 192
        - 256
        name: '1e-3'
    """
    text: str = yaml.dump(
        dict(settings),
        Dumper=_Dumper,
        default_flow_style=False,
        allow_unicode=True,
        sort_keys=False,
    )
    return text


def parse_settings(text: str) -> dict[str, Any]:
    """Parse settings in YAML and replace former names by current ones.

    YAML aliases are refused, because a few lines of them can expand beyond the available memory.

    Args:
        text: the YAML; interpolations are kept as text.

    Returns:
        Nested dictionaries and lists of plain values.

    Raises:
        ValueError: the text contains anything but settings by key.
        yaml.YAMLError: the text is not YAML.

    Example:
        >>> parse_settings("lr: 1e-3")
        {'lr': 0.001}
    """
    _require_plain(text)
    content = yaml.load(text, Loader=_Loader)
    if not isinstance(content, dict) or not content:
        what = "a list" if content else "no settings"
        raise ValueError(f"it holds {what}; expected settings by key")
    _require_settings(content)
    settings: dict[str, Any] = with_current_names(content)
    return settings


def load_settings(path: Path) -> dict[str, Any]:
    """Read settings from a YAML file, as ``parse_settings`` does.

    Args:
        path: the file.

    Returns:
        Nested dictionaries and lists of plain values.

    Raises:
        DamagedRunError: the file is unreadable or empty, or contains anything but settings by key.
    """
    try:
        return parse_settings(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DamagedRunError(f"{path}: cannot be read ({error.strerror}). {RESTORE}") from error
    except Exception as error:  # PyYAML raises many classes for malformed tags and numbers
        why = reason(error)
        raise DamagedRunError(f"{path}: not valid YAML ({why}). {RESTORE}") from error


def _require_plain(text: str) -> None:
    """Raise a ValueError if YAML would take much more time or memory than its size suggests."""
    if len(text) > LONGEST:
        raise ValueError(f"it has more than {LONGEST} characters")
    depth = 0
    for event in yaml.parse(text):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth == 0 and isinstance(event, yaml.ScalarEvent):
            raise ValueError("it is a single value; expected settings by key")
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it has an alias; expected plain settings")
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")


def _require_settings(content: Any) -> None:
    """Raise a ValueError if a value is neither a mapping, a list nor a plain value."""
    if isinstance(content, dict):
        for key, value in content.items():
            if not isinstance(key, SCALARS) or key is None:
                raise ValueError(f"it has the key {key!r}; expected a text")
            _require_settings(value)
    elif isinstance(content, list):
        for value in content:
            _require_settings(value)
    elif not isinstance(content, SCALARS):
        kind = type(content).__name__
        raise ValueError(f"it holds a {kind}; expected texts, numbers, lists and settings by key")
