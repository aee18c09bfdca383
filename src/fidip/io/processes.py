"""Processes of a run that several processes share."""

from __future__ import annotations

import os

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
"""Environment variables with the rank of a process; all are 0 in the first process."""


def is_first_process() -> bool:
    """Return whether this process writes the files of the run; works before PyTorch is set up."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)
