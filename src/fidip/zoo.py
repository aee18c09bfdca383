"""``fidip zoo``: the weights that have a name, their terms, and which of them are on this computer."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("zoo")

from collections.abc import Iterable

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from fidip.nn.weights.model_zoo import ALIASES, Entry, entries, entry_of, fetch


def zoo(config: DictConfig) -> None:
    """Get the weights named by ``fetch``, or list all."""
    if config.fetch:
        print(fetch(entry_of(config.fetch, f"fetch={config.fetch}")))
        return
    console = Console()
    if not console.is_terminal:
        console.width = 160  # nothing to fit into
    console.print(table(entries().values()))


def table(known: Iterable[Entry]) -> Table:
    """A row an entry."""
    aliases = ", ".join(f"zoo:{alias} is zoo:{name}" for alias, name in ALIASES.items())
    caption = f"ckpt=zoo:NAME; {aliases}; where they come from and their hashes: conf/zoo"
    out = Table(caption=caption, box=None)
    for column in ("name", "weights", "input", "MB", "licence", "state"):
        out.add_column(column, justify="right" if column == "MB" else "left")
    for entry in known:
        width, height = entry.input_wh
        size = str(entry.size_mb or "")
        out.add_row(
            entry.name, entry.title, f"{width}x{height}", size, entry.licence, entry.state
        )  # fmt: skip
    return out


@command("zoo")
def main(config: DictConfig) -> None:
    zoo(config)


if __name__ == "__main__":
    main()
