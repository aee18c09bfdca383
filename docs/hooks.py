"""Pages of the site that are written elsewhere: API, notebooks, experiments and project files.

Every file keeps links that work in the repository; the hook points them to the pages of the site.
"""

from __future__ import annotations

import ast
import json
import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "core": "Types, skeleton, geometry and errors.",
    "io": "File formats, atomic writes and run directories.",
    "codecs": "Keypoints to heatmaps and back.",
    "nn": "Backbones, heads, losses and pretrained weights.",
    "adapt": "Adaptation methods.",
    "data": "Datasets, augmentation, samplers and validation.",
    "synth": "The renderer of synthetic people.",
    "metrics": "AP, OKS, calibration, intervals and tests.",
    "tasks": "Lightning modules and callbacks.",
    "inference": "Predictor, tracker, smoothing, overlays and writers.",
    "report": "Comparison tables, figures and pages.",
}
PUBLIC = "Everything that commands do, in a few lines of Python: `import fidip`."
MOVED = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files at the top of the repository that are pages of the site."""

LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)")
LOADED = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=.?https?://[^>\s]*")
log = logging.getLogger("mkdocs.hooks")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace the folders named in the navigation by their pages."""
    pages = {
        "tutorials/": ["tutorials/index.md", "tutorials/afternoon.md", *notebook_pages()],
        "api/": list(api_pages()),
        "experiments/": ["experiments/index.md", *experiment_pages()],
    }
    config.nav = [
        {title: pages.get(value, value) if isinstance(value, str) else value}
        for entry in config.nav or []
        for title, value in entry.items()
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, the project files, and all files of the experiments."""
    texts = {**api_pages(), **notebook_pages(), "experiments/index.md": experiments_index()}
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    for source, page in MOVED.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for path in sorted(ROOT.glob("experiments/*/*.*")):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links between files of the repository to the pages of the site."""
    source = posixpath.dirname(source_path(page.file.src_uri))
    here = posixpath.dirname(page.file.src_uri) or "."

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(source, match[1]))
        return posixpath.relpath(site_path(target), here)

    return LINK.sub(link, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Warn about what a browser would load from another server."""
    for tag in LOADED.findall(output):
        log.warning("%s loads from another server: %s", page.file.src_uri, tag)
    return output


def source_path(page: str) -> str:
    """Return the file of the repository that a page of the site was made from."""
    if page.startswith("tutorials/0"):
        return page.replace("tutorials/", "notebooks/")
    if page.startswith("experiments/"):
        return page
    return {page: source for source, page in MOVED.items()}.get(page, f"docs/{page}")


def site_path(path: str) -> str:
    """Return the page or file of the site for a file of the repository."""
    if path.startswith("notebooks/"):
        return path.replace("notebooks/", "tutorials/").replace(".ipynb", ".md")
    return MOVED.get(path, path.removeprefix("docs/"))


def api_pages() -> dict[str, str]:
    """Return a page for each package: its own docstring, then its modules."""
    packages = {"fidip": PUBLIC, **{f"fidip.{name}": what for name, what in PACKAGES.items()}}
    rows = [
        f"| [`{name}`]({name.removeprefix('fidip.')}.md) | {what} |"
        for name, what in packages.items()
    ]
    index = "\n".join(["# API reference", "", "| package | contents |", "|---|---|", *rows])
    pages = {f"api/{name}.md": api_page(name) for name in PACKAGES}
    return {"api/index.md": index, "api/fidip.md": public_page(), **pages}


def public_page() -> str:
    """Return the page of the names that ``import fidip`` gives."""
    tree = ast.parse((ROOT / "src" / "fidip" / "__init__.py").read_text())
    names = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return "\n\n".join(["# fidip", PUBLIC, *(f"::: fidip.{name}" for name in names)])


def api_page(package: str) -> str:
    """Return the page of one package."""
    folder = ROOT / "src" / "fidip" / package
    modules = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        for path in sorted(folder.rglob("*.py"))
        if path.name != "__init__.py"
    ]
    parts = [f"# {package}", PACKAGES[package], *(f"::: {module}" for module in modules)]
    return "\n\n".join(parts)


def notebook_pages() -> dict[str, str]:
    """Return a page for each notebook, in order."""
    notebooks = sorted(ROOT.glob("notebooks/*.ipynb"))
    return {f"tutorials/{path.stem}.md": notebook_page(path) for path in notebooks}


def notebook_page(notebook: Path) -> str:
    """Return the cells of a notebook as Markdown."""
    cells = json.loads(notebook.read_text())["cells"]
    return "\n\n".join(
        f"```python\n{''.join(cell['source'])}\n```"
        if cell["cell_type"] == "code"
        else "".join(cell["source"])
        for cell in cells
    )


def experiment_pages() -> list[str]:
    """Return the pages of the experiments."""
    return sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("experiments/*/README.md"))


def experiments_index() -> str:
    """Return the list of experiments: number and question."""
    rows = [
        f"- [{Path(page).parent.name[:3]}: {title(page)}]({Path(page).parent.name}/README.md)"
        for page in experiment_pages()
    ]
    intro = "Each page has the question, the command, the result and what it means."
    return "\n".join(["# Experiments", "", intro, "", *rows])


def title(page: str) -> str:
    """Return the first heading of a file."""
    return (ROOT / page).read_text().partition("\n")[0].removeprefix("# ")
