"""Names in configurations of earlier versions, so that old runs and commands keep working."""

from __future__ import annotations

import re
from typing import Any

FORMER_KEYS = {
    "allow_contaminated": "allow_leakage",
    "human": "second_annotator",
    "look": "appearance",
    "looks": "appearances",
}
"""Current configuration keys by former key."""
FORMER_PATHS = {
    "task.adversarial_schedule": "method.schedule",
    "task.adversarial_weight": "method.weight",
    "task.domain_epochs": "method.domain_epochs",
    "task.domain_head": "method.domain_head",
    "task.domain_optimizer": "method.domain_optimizer",
    "task.domain_scheduler": "method.domain_scheduler",
    "task.feature_weight": "method.feature_weight",
    "task.map_weight": "method.map_weight",
    "task.teacher": "method.teacher",
}
"""Current dotted keys by former one, of keys that have moved to another group."""
FORMER_CHOICES = {
    "task": ("method", {"fidip": "adversarial", "pose": "finetune", "replay": "replay"})
}
"""Current group, and its choices by former choice, by former group."""
FORMER_MODULES = {
    "fidip.heatmap": "fidip.codecs.gaussian",
    "fidip.losses": "fidip.nn.losses",
    "fidip.movenet_codec": "fidip.codecs.centernet",
    "fidip.simcc": "fidip.codecs.simcc",
    "fidip.udp": "fidip.codecs.udp",
}
"""Current modules of targets by former module."""
FORMER_TARGETS = {
    "fidip.codecs.gaussian.argmax_decode": "fidip.codecs.decoders.argmax_decode",
    "fidip.codecs.gaussian.dark_decode": "fidip.codecs.decoders.dark_decode",
    "fidip.codecs.gaussian.quarter_decode": "fidip.codecs.decoders.quarter_decode",
    "fidip.synth.Look": "fidip.synth.Appearance",
    "fidip.inference.smoothing.Kalman": "fidip.inference.smoothing.KalmanSmoother",
}
"""Current targets by former target."""


def current_target(target: str) -> str:
    """Return the current name of a ``_target_``.

    Args:
        target: dotted path of a class or function.

    Example:
        >>> current_target("fidip.udp.UdpCodec")
        'fidip.codecs.udp.UdpCodec'
    """
    module, _, name = target.rpartition(".")
    current = f"{FORMER_MODULES[module]}.{name}" if module in FORMER_MODULES else target
    return FORMER_TARGETS.get(current, current)


def with_current_names(settings: Any) -> Any:
    """Return nested settings with current keys and targets.

    Args:
        settings: nested dictionaries and lists.

    Example:
        >>> with_current_names({"allow_contaminated": True, "loss": {"_target_": "fidip.losses.f"}})
        {'allow_leakage': True, 'loss': {'_target_': 'fidip.nn.losses.f'}}
    """
    if isinstance(settings, list):
        return [with_current_names(value) for value in settings]
    if not isinstance(settings, dict):
        return settings
    return {
        FORMER_KEYS.get(key, key): current_target(value)
        if key == "_target_" and isinstance(value, str)
        else with_current_names(value)
        for key, value in settings.items()
    }


def current_word(word: str) -> str:
    """Return a ``key=value`` word of a command line with today's names.

    Args:
        word: the word.

    Example:
        >>> current_word("+data.allow_contaminated=true")
        '+data.allow_leakage=true'
        >>> current_word("codec._target_=fidip.heatmap.HeatmapCodec")
        'codec._target_=fidip.codecs.gaussian.HeatmapCodec'
        >>> current_word("task.domain_optimizer.lr=0.001")
        'method.domain_optimizer.lr=0.001'
        >>> current_word("task=pose,fidip")
        'method=finetune,adversarial'
        >>> current_word("+look@looks.mine=mine")
        '+appearance@appearances.mine=mine'
        >>> current_word("preset.splits={train: [{group: infant, look: home}]}")
        'preset.splits={train: [{group: infant, appearance: home}]}'
    """
    key, equals, value = word.partition("=")
    if key in FORMER_CHOICES:
        return _current_choice(key, value)
    if key.endswith("_target_"):
        return key + equals + current_target(value)
    if value.startswith(("{", "[")):
        value = re.sub(r"(?<=[{,\s])\w+(?=\s*:)", _current_key, value)
    name = key.lstrip("+~")
    current = re.sub(r"\w+", _current_key, _current_path(name))
    return key[: len(key) - len(name)] + current + equals + value


def _current_key(match: re.Match[str]) -> str:
    return FORMER_KEYS.get(match[0], match[0])


def _current_path(key: str) -> str:
    """Return a dotted key with its current group."""
    for former, current in FORMER_PATHS.items():
        if key == former or key.startswith(f"{former}."):
            return current + key.removeprefix(former)
    return key


def _current_choice(group: str, value: str) -> str:
    """Return ``group=value`` with the current group if all values are known."""
    current, names = FORMER_CHOICES[group]
    values = value.split(",")
    if not all(one in names for one in values):
        return f"{group}={value}"
    return f"{current}={','.join(names[one] for one in values)}"
