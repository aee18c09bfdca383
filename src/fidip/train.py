"""``fidip train``: train and test an experiment in a run directory."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("train")

from typing import Any

from omegaconf import DictConfig

from fidip.cli.sweep_jobs import run_job
from fidip.cli.training_run import train


@command("train")
def main(config: DictConfig) -> Any:
    """Run the command."""
    return run_job(train, config)


if __name__ == "__main__":
    main()
