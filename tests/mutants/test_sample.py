"""Samples of mutants: reproducible draws, and outcomes that are counted without equivalents."""

import importlib
import tomllib
from pathlib import Path

import pytest

from .sample import EQUIVALENTS, draw, fraction, function_of, new_code, read_equivalents, table

ROOT = Path(__file__).parents[2]
CONTENT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
LISTED = read_equivalents(EQUIVALENTS.read_text(encoding="utf-8"))


def test_a_sample_depends_on_the_seed_and_not_on_the_order():
    names = [str(i) for i in range(50)]
    sample = draw(names, 20, seed=1)
    assert draw(names[::-1], 20, seed=1) == sample
    assert len(set(sample)) == 20
    assert draw(names, 20, seed=2) != sample
    assert sorted(draw(names, None, seed=1)) == sorted(draw(names, 99, seed=1)) == sorted(names)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("fidip.core.geometry.x_clip_box__mutmut_12", "fidip.core.geometry.clip_box"),
        ("fidip.data.sampler.x__draw__mutmut_1", "fidip.data.sampler._draw"),
        ("a.b.xǁPosesǁ__init____mutmut_3", "a.b.Poses.__init__"),
        ("a.b.xǁ_Stateǁ_update__mutmut_3", "a.b._State._update"),
    ],
)
def test_mutants_name_their_function(name, function):
    assert function_of(name) == function


def test_new_code_is_what_a_diff_adds():
    diff = (
        "--- a\n+++ a\n@@ -1 +1 @@\n def f():\n-    return 1 + a\n+    return (1 - a,\n+        2)"
    )
    assert new_code(diff) == "return (1 - a, 2)"


def test_outcomes_are_counted_by_file():
    outcomes = {"a": "killed", "b": "survived", "c": "equivalent", "d": "timeout"}
    header, first, second, last = table(
        outcomes, dict.fromkeys("abc", "x.py") | {"d": "y.py"}
    ).split("\n")
    assert header.split() == ["killed", "survived", "no", "tests", "timeout", "equivalent"]
    assert first.split() == ["x.py", "1", "1", "0", "0", "1"]
    assert second.split() == ["y.py", "0", "0", "0", "1", "0"]
    assert last.startswith("2 of 3 non-equivalent mutants killed: 66.7 %")


def test_the_interval_is_wilsons():
    """(k + z²/2 +- z sqrt(k (n - k) / n + z²/4)) / (n + z²), Wilson 1927."""
    killed, total, z = 90, 100, 1.959964
    center = (killed + z**2 / 2) / (total + z**2)
    half = z * (killed * (total - killed) / total + z**2 / 4) ** 0.5 / (total + z**2)
    text = fraction(["killed"] * 88 + ["timeout"] * 2 + ["survived"] * 7 + ["no tests"] * 3)
    assert f"95 % interval {100 * (center - half):.1f} to {100 * (center + half):.1f} %" in text
    assert text.startswith("90 of 100 ")
    assert fraction(["equivalent"]) == "no mutants"


@pytest.mark.parametrize(("function", "code"), LISTED)
def test_listed_mutants_are_of_functions_that_exist_and_have_a_reason(function, code):
    module, names = function, []
    while not (ROOT / "src" / f"{module.replace('.', '/')}.py").is_file():
        module, _, name = module.rpartition(".")
        names.insert(0, name)
    value = importlib.import_module(module)
    for name in names:
        value = getattr(value, name)
    assert callable(value)
    assert code
    assert LISTED[function, code]


def test_the_core_files_and_their_tests_exist():
    missing = [
        path
        for key in ("only_mutate", "pytest_add_cli_args_test_selection")
        for path in CONTENT[key]
        if not (ROOT / path).exists()
    ]
    assert missing == []
