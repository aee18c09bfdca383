"""Remove outputs from the notebooks: ``python notebooks/strip.py``; ``--check`` only lists them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def stripped(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook without outputs, counts, and metadata that editors add."""
    cells = [
        {
            **{key: cell[key] for key in ("cell_type", "id", "source")},
            "metadata": {},
            **({"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}),
        }
        for cell in notebook["cells"]
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def text(notebook: dict[str, Any]) -> str:
    """Return the file of a notebook."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Strip all notebooks, or return 1 if one needs it."""
    is_check = "--check" in sys.argv[1:]
    status = 0
    for path in sorted(FOLDER.glob("*.ipynb")):
        before = path.read_text()
        after = text(stripped(json.loads(before)))
        if after != before and is_check:
            print(f"{path}: has outputs; run python notebooks/strip.py")
            status = 1
        elif after != before:
            path.write_text(after)
    return status


if __name__ == "__main__":
    sys.exit(main())
