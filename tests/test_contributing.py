"""CONTRIBUTING.md and the files that machines read agree with the repository."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def listed() -> dict[str, str]:
    """Return each name in the tree of CONTRIBUTING.md with what stands behind it."""
    tree = GUIDE.split("src/fidip/\n", 1)[1].split("```", 1)[0]
    return dict(re.findall(r"^  (\S+) +(\S.*)$", tree, re.M))


def test_the_tree_is_that_of_the_package():
    package = ROOT / "src" / "fidip"
    found = {path.name for path in package.glob("*.py") if path.name != "__init__.py"}
    found |= {f"{path.name}/" for path in package.iterdir() if (path / "__init__.py").is_file()}
    assert set(listed()) == found


def test_the_commands_of_the_tree_are_those_of_the_command_line():
    from fidip.cli import COMMANDS, module_of

    assert {f"{module_of(name)}.py" for name in COMMANDS} == {
        n for n in listed() if n.endswith(".py")
    }


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make ([a-z-]+)", GUIDE, re.M))))
def test_its_targets_exist(target):
    assert re.search(rf"^{target}:", MAKEFILE, re.M)


def test_files_and_folders_that_it_names_exist():
    roots = [ROOT, ROOT / "src" / "fidip"]
    names = re.findall(r"`((?:[\w.]+/)+[\w.]*)`", GUIDE)
    assert len(names) > 10
    names = [n.removesuffix("NAME.yaml") for n in names]
    assert [n for n in names if not any((root / n).exists() for root in roots)] == []


def test_the_workflow_runs_what_ci_runs_on_every_supported_python():
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    job = workflow["jobs"]["test"]
    commands = {step["run"] for step in job["steps"] if "run" in step}
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] in commands
    low, high = re.search(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    assert job["strategy"]["matrix"]["python"] == [f"3.{n}" for n in range(int(low), int(high))]


def test_pre_commit_runs_the_linters_of_the_makefile():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] if repo["repo"] == "local" for hook in repo["hooks"]]
    lint = MAKEFILE.split("\nlint: ", 1)[1].split("\n\n", 1)[0]
    commands = [line.strip().replace("$(BIN)", ".venv/bin") for line in lint.splitlines()[1:]]
    assert [hook["entry"] for hook in hooks][: len(commands)] == commands


def test_test_checks_everything():
    needs = re.search(r"^test: (.*?) ##", MAKEFILE, re.M)[1].split()
    assert {"lint", "docs", "notebooks"} <= set(needs)


def test_the_citation_names_software_and_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == PROJECT["license"]
    assert citation["references"][0]["authors"][0]["family-names"] == "Huang"


@pytest.mark.parametrize("form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")))
def test_issue_forms_parse(form):
    assert isinstance(yaml.safe_load(form.read_text()), dict)


def test_the_changelog_has_the_version():
    from fidip import __version__

    assert f"## {__version__.partition('.dev')[0]} " in (ROOT / "CHANGELOG.md").read_text()
