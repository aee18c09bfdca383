"""Tables and report of what ``fidip check`` finds in a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from fidip.data.validation import Examination, Overlap
from fidip.io.terminal import text_table

DOMAINS = ("real", "synthetic", "unknown")
MOST_CASES = 3
"""Number of printed cases of a finding; ``out=`` writes all."""


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


def findings_report(
    root: Path, found: Sequence[Examination], overlaps: Sequence[Overlap]
) -> dict[str, Any]:
    """Return the content of the report, with all cases of all findings.

    Args:
        root: folder of the dataset.
        found: the validated splits.
        overlaps: images that splits share.
    """
    return {
        "root": str(root),
        "usable": not count_refused(found, overlaps),
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


def count_refused(found: Sequence[Examination], overlaps: Sequence[Overlap]) -> int:
    """Return the number of findings that training would refuse.

    Args:
        found: the validated splits.
        overlaps: images that splits share.
    """
    findings = [finding.refused for split in found for finding in split.findings]
    return sum(findings) + sum(pair.refused for pair in overlaps)


def _first(cases: Sequence[str], root: str) -> str:
    more = len(cases) - MOST_CASES
    shown = "\n".join(cases[:MOST_CASES]).replace(root, "")
    return shown + (f"\nand {more} more" if more > 0 else "")
