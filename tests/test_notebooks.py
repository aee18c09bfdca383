"""The notebooks are as they should be in the repository; ``make notebooks`` executes them."""

import ast
import json
from pathlib import Path

import pytest

from tests.conftest import load_script

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def code(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    sources = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return [source for source in sources if not source.startswith("%%")]


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_has_no_outputs(notebook):
    strip = load_script("notebooks/strip.py")
    assert notebook.read_text() == strip.text(strip.stripped(json.loads(notebook.read_text())))


def test_outputs_are_removed():
    strip = load_script("notebooks/strip.py")
    cell = {
        "cell_type": "code",
        "id": "a",
        "source": ["1"],
        "metadata": {"collapsed": True},
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}],
        "execution_count": 3,
    }
    after = strip.stripped({"cells": [cell], "metadata": {"kernelspec": {"name": "mine"}}})
    assert after["cells"][0] == {
        **cell, "metadata": {}, "outputs": [], "execution_count": None,
    }  # fmt: skip
    assert after["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_uses_the_public_api_only(notebook):
    """``fidip`` and its packages are public, modules inside them are not."""
    for source in code(notebook):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom):
                assert not node.module.startswith("fidip.") or node.module.count(".") == 1
            if isinstance(node, ast.Import):
                assert not any(alias.name.count(".") > 1 for alias in node.names)
