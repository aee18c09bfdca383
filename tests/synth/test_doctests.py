"""The examples in synth's docstrings."""

import doctest
import importlib
import pkgutil

import pytest

import fidip.synth

MODULES = sorted(m.name for m in pkgutil.walk_packages(fidip.synth.__path__, "fidip.synth."))


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_compiled_functions_count():
    """Doctest finds the examples of functions that Numba has wrapped, too."""
    module = importlib.import_module("fidip.synth.pose.rotation")
    names = {test.name for test in doctest.DocTestFinder(exclude_empty=True).find(module)}
    assert "fidip.synth.pose.rotation.cross" in names
