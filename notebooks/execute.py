"""Execute all notebooks in a temporary folder: ``python notebooks/execute.py [NAME ...]``.

The notebooks in the repository do not change. Exit status 1 if a cell fails, 2 if there is no
notebook of that name.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).parent
TIMEOUT = 600
"""Seconds a cell may take on a busy machine; on two free cores a notebook takes less than 90."""


def execute(path: Path) -> str | None:
    """Run one notebook in a new folder; return the error, or None."""
    begin = time.monotonic()
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        )  # fmt: skip
        try:
            client.execute()
        except CellExecutionError as error:
            return f"{path.name}: {error}"
    print(f"{path.name}: {time.monotonic() - begin:.0f} s", flush=True)
    return None


def main() -> int:
    """Run the notebooks two at a time, one thread each."""
    os.environ.update(OMP_NUM_THREADS="1", WANDB_MODE="offline", NO_ALBUMENTATIONS_UPDATE="1")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    notebooks = {path.stem: path for path in sorted(FOLDER.glob("*.ipynb"))}
    names = sys.argv[1:] or list(notebooks)
    if unknown := [name for name in names if name not in notebooks]:
        there = ", ".join(notebooks)
        print(f"error: no notebook {', '.join(unknown)}; there are {there}", file=sys.stderr)
        return 2
    paths = [notebooks[name] for name in names]
    with ThreadPoolExecutor(2) as pool:
        errors = [error for error in pool.map(execute, paths) if error]
    print("\n".join(errors), file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
