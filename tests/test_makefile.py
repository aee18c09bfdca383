"""The Makefile with stand-ins for the programs that it runs: deleting and starting again."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"
KEPT = ("data/demo/image.jpg", "outputs/demo/scratch_demo/results.json")
PROGRAM = """#!/bin/bash
echo "$(basename "$0") $*" >> log
for argument in "$@"; do
  case $argument in
    hydra.run.dir=*) mkdir -p "$(dirname "${argument#*=}")"; touch "${argument#*=}";;
  esac
  case $argument in out=data/demo) mkdir -p data/demo;; esac
done
"""


@pytest.fixture
def project(tmp_path):
    """A copy with data and runs in it, whose programs only note that they were called."""
    shutil.copy(MAKEFILE, tmp_path)
    (tmp_path / "pyproject.toml").touch()
    for name in ("python", "fidip", "ruff", "mypy", "lint-imports", "pip"):
        program = tmp_path / ".venv" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(PROGRAM)
        program.chmod(0o755)
    (tmp_path / ".venv" / ".done").touch()
    for name in KEPT:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("kept")
    return tmp_path


def make(project, *arguments, **environment):
    return subprocess.run(
        ["make", *arguments],
        cwd=project,
        env={**os.environ, "MAKEFLAGS": "", **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["help", "FORCE=1"], {}),
        (["-n", "demo", "FORCE=1"], {}),
        (["-n", "clean-demo"], {}),
        (["lint", "FORCE=1"], {}),
        (["lint"], {"FORCE": "1"}),
        (["-n", "test"], {"FORCE": "1"}),
        (["demo"], {}),
        (["demo", "FORCE=0"], {}),
        (["-p", "-n", "FORCE=1"], {}),
    ],
)
def test_nothing_is_deleted_unless_the_demo_starts_over(project, arguments, environment):
    make(project, *arguments, **environment)
    assert [(project / name).read_text() for name in KEPT] == ["kept", "kept"]


def test_the_demo_starts_over(project):
    make(project, "demo", "FORCE=1")
    log = (project / "log").read_text()
    assert not (project / KEPT[0]).exists()
    for name in ("scratch", "finetune", "fidip"):
        assert log.count(f"experiment={name}_demo") == 1
    lines = log.splitlines()
    assert lines[0].startswith("fidip synthesize preset=demo")
    assert lines[-1].startswith("fidip compare")


def test_the_demo_makes_what_is_missing(project):
    make(project, "demo")
    log = (project / "log").read_text()
    assert log.count("experiment=") == 3  # scratch is older than its data, which has just been made
    assert (project / KEPT[0]).read_text() == "kept"


def test_data_and_runs_are_deleted_by_a_target_of_its_own(project):
    make(project, "clean-demo")
    assert not any((project / name).parent.exists() for name in KEPT)


def test_help_lists_every_target(project):
    assert "clean-demo" in make(project, "help")


def test_only_the_runs_of_the_demo_are_side_by_side():
    assert "MAKEFLAGS +=" not in MAKEFILE.read_text()
