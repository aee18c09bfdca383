"""Scripts of experiments and benchmarks: what they import exists."""

import runpy
from pathlib import Path

import pytest

from tests.conftest import script_folder

REPO = Path(__file__).parents[1]
SCRIPTS = [
    str(file.relative_to(REPO))
    for folder in ("benchmarks", "experiments/*")
    for file in sorted(REPO.glob(f"{folder}/*.py"))
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_imports_of_a_script_exist(script):
    with script_folder((REPO / script).parent):
        runpy.run_path(str(REPO / script), run_name="imported")
