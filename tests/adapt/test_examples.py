"""The examples in the docstrings of adaptation methods run, and every public function has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import fidip.adapt

MODULES = [
    importlib.import_module(f"fidip.adapt.{module.name}")
    for module in pkgutil.iter_modules(fidip.adapt.__path__)
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_run(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_public_functions_have_an_example(module):
    own = inspect.getmembers(module, inspect.isfunction)
    functions = [f for name, f in own if f.__module__ == module.__name__ and name[0] != "_"]
    assert [f.__name__ for f in functions if ">>>" not in inspect.getdoc(f)] == []
