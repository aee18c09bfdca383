"""The examples in docstrings run, and every public function of some packages has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import fidip

PACKAGES = (
    "adapt", "cli", "codecs", "core", "data", "inference", "io", "metrics", "nn", "report",
)  # fmt: skip
WITH_EXAMPLES = (
    "fidip.adapt.", "fidip.codecs.", "fidip.core.geometry", "fidip.metrics.", "fidip.nn.losses",
)  # fmt: skip
MODULES = [
    module.name
    for module in pkgutil.walk_packages(fidip.__path__, "fidip.")
    if module.name.split(".")[1] in PACKAGES and not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith(WITH_EXAMPLES)])
def test_public_functions_have_an_example(name):
    own = inspect.getmembers(importlib.import_module(name), inspect.isfunction)
    functions = [f for key, f in own if f.__module__ == name and key[0] != "_"]
    assert [f.__name__ for f in functions if ">>>" not in (inspect.getdoc(f) or "")] == []
