"""``fidip zoo``: list pretrained models, their licences, and which are downloaded."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("zoo")

from collections.abc import Iterable

from omegaconf import DictConfig
from rich.table import Table

from fidip.io.terminal import print_parts, text_table
from fidip.nn.weights.model_zoo import ALIASES, ZooEntry, entries, entry_of, fetch


def zoo(config: DictConfig) -> None:
    """Download the model named by ``fetch``, or list all models."""
    if config.fetch:
        print(fetch(entry_of(config.fetch, f"fetch={config.fetch}")))
        return
    print_parts(table(entries().values()))


def table(known: Iterable[ZooEntry]) -> Table:
    """Return a table with one row per model.

    Args:
        known: the models.
    """
    aliases = ", ".join(f"zoo:{alias} is zoo:{name}" for alias, name in ALIASES.items())
    caption = f"ckpt=zoo:NAME; {aliases}; where they come from and their hashes: conf/zoo"
    columns = ("name", "weights", "input", "MB", "licence", "state")
    rows = [
        (e.name, e.title, "x".join(map(str, e.input_wh)), e.size_mb or "", e.licence, e.state)
        for e in known
    ]
    return text_table(columns, rows, right=["MB"], box=None, caption=caption)


@command("zoo")
def main(config: DictConfig) -> None:
    """Run the command."""
    zoo(config)


if __name__ == "__main__":
    main()
