"""``fidip check``: validate a dataset and report problems."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("check")

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table

from fidip.core.errors import ConfigError, DataError, shown
from fidip.data.layout import find_split, split_names
from fidip.data.validation import (
    Examination,
    Finding,
    ImageCheck,
    Overlap,
    examine_split,
    find_overlaps,
)
from fidip.io.json import read_json, write_json
from fidip.io.terminal import print_parts, text_table

DOMAINS = ("real", "synthetic", "unknown")
SHOWN = 3
"""Number of printed cases of a finding; ``out=`` writes all."""


def check(config: DictConfig) -> None:
    """Validate all splits; print and write the findings.

    Raises:
        DataError: training would refuse one of the findings.
        ConfigError: ``out`` names a file that is not a report.
    """
    root, data = Path(config.data.root), config.data
    if config.out:
        require_replaceable(Path(config.out))
    there = split_names(root)
    asked = [config.splits] if isinstance(config.splits, str) else config.splits or []
    for name in asked or ([] if there else [data.train_split]):
        find_split(root, name)  # raises an error that lists the existing splits
    names = asked or there
    found = [examine_split(root, name, _progress, data.skip_unusable) for name in names]
    overlaps = find_overlaps(found, [data.train_split, data.domain_split], data.test_split)
    show(root, found, overlaps)
    if config.out:
        write_json(Path(config.out), report(root, found, overlaps))
        print(f"report: {config.out}")
    refused = sum(_refused(found, overlaps))
    if refused:
        raise DataError(
            f"{root}: training would refuse {refused} of the findings above, those marked "
            "'refused'; correct or remove the files that they name"
        )
    print(f"{root}: usable")


def require_replaceable(out: Path) -> None:
    """Check that ``out`` is a new file or an earlier report.

    Args:
        out: the file to write.

    Raises:
        ConfigError: another file exists.
    """
    if not out.is_file():
        return
    try:
        content = read_json(out)
    except DataError:
        content = None
    if not isinstance(content, dict) or not content.keys() >= {"usable", "splits", "overlaps"}:
        raise ConfigError(
            f"out={shown(out)}: the file exists and is no report of fidip check; expected the "
            "name of a new file, or of an earlier report. Choose another out=FILE"
        )


def show(root: Path, found: Sequence[Examination], overlaps: Sequence[Overlap]) -> None:
    """Print a table of splits and a table of findings.

    Args:
        root: folder of the dataset.
        found: the validated splits.
        overlaps: images that splits share.
    """
    findings = findings_table(root, found, overlaps)
    print_parts(counts_table(found), *[findings] * (findings.row_count > 0))


def counts_table(found: Sequence[Examination]) -> Table:
    """Return a table with one row per split and its counts.

    Args:
        found: the validated splits.
    """
    rows = []
    for split in found:
        domains = [split.images.get(domain, 0) for domain in DOMAINS]
        row = (split.name, sum(domains), *domains, split.people, split.areas)
        rows.append([*row, _counts(split.skipped), _counts(split.postures)])
    columns = ("split", "images", *DOMAINS, "people", "areas")
    return text_table((*columns, "left out", "postures"), rows, unbroken=columns)


def findings_table(root: Path, found: Sequence[Examination], overlaps: Sequence[Overlap]) -> Table:
    """Return a table with one row per kind of finding; paths are relative to ``root``.

    Args:
        root: folder of the dataset.
        found: the validated splits.
        overlaps: images that splits share.
    """
    found_rows = [
        (split.name, f.refused, f.kind, f.cases) for split in found for f in split.findings
    ]
    found_rows += [
        (pair.first, pair.refused, f"images that {pair.second} has, too", pair.images)
        for pair in overlaps
    ]
    rows = [
        (name, "refused" if refused else "suspicious", len(cases), kind, _first(cases, f"{root}/"))
        for name, refused, kind, cases in found_rows
    ]
    columns = ("split", "", "count", "what")
    return text_table((*columns, "where"), rows, unbroken=columns)


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in numbers.items())


def report(root: Path, found: Sequence[Examination], overlaps: Sequence[Overlap]) -> dict[str, Any]:
    """Return the content of the report, with all cases of all findings.

    Args:
        root: folder of the dataset.
        found: the validated splits.
        overlaps: images that splits share.
    """
    return {
        "root": str(root),
        "usable": not any(_refused(found, overlaps)),
        "splits": {
            split.name: {
                "images": split.images,
                "people": split.people,
                "postures": split.postures,
                "area_source": split.areas,
                "left_out": split.skipped,
                "findings": [asdict(finding) for finding in split.findings],
            }
            for split in found
        },
        "overlaps": [asdict(pair) for pair in overlaps],
    }


def _refused(found: Sequence[Examination], overlaps: Sequence[Overlap]) -> list[bool]:
    findings: list[Finding] = [finding for split in found for finding in split.findings]
    return [finding.refused for finding in findings] + [pair.refused for pair in overlaps]


def _first(cases: Sequence[str], root: str) -> str:
    more = len(cases) - SHOWN
    shown = "\n".join(cases[:SHOWN]).replace(root, "")
    return shown + (f"\nand {more} more" if more > 0 else "")


def _progress(checks: Iterator[ImageCheck], total: int, label: str) -> Iterable[ImageCheck]:
    console = Console(stderr=True)
    return track(checks, label, total, console=console, disable=not console.is_terminal)


@command("check")
def main(config: DictConfig) -> None:
    """Run the command."""
    check(config)


if __name__ == "__main__":
    main()
