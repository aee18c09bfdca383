"""Plot fronts: python figure.py FRONTS.csv FIGURE.png.

FRONTS.csv has a row per network: training, fraction of the trained weights, and AP on infants,
``far`` and photographs.
"""

from __future__ import annotations

import csv
import sys
from itertools import groupby
from pathlib import Path

from matplotlib.figure import Figure


def main(table: Path, out: Path) -> None:
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    adult = float(rows[0]["photographs"])
    for name, group in groupby(rows, key=lambda row: row["training"]):
        points = list(group)
        kept = [100 * float(row["photographs"]) / adult for row in points]
        axes.plot(kept, [float(row["infants"]) for row in points], "o-", label=name, markersize=4)
        for x, row in zip(kept, points, strict=True):
            axes.annotate(
                row["fraction"],
                (x, float(row["infants"])),
                fontsize=6,
                xytext=(4, 3),
                textcoords="offset points",
            )
    axes.axvline(90, color="grey", linewidth=0.8, linestyle=":")
    axes.set_xlabel("AP on photographs of adults, % of the adult network's")
    axes.set_ylabel("AP on infant-bench test")
    axes.legend(frameon=False)
    figure.savefig(out, dpi=130)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
