"""``python -m tests.fuzz``: run cases, and print every failure with what repeats it."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from .cases import AREAS, area_of
from .session import Report, Session


def main() -> int:
    """Exit status 1 where a case failed."""
    options = _options()
    numbers = [options.case] if options.case is not None else list(range(options.count))
    if options.area:
        numbers = [n for n in numbers if area_of(options.seed, n) == options.area]
    started = time.monotonic()
    with _folder(options.keep) as folder:
        session = Session(folder, options.keep, options.limit)
        reports = []
        for report in session.run(options.seed, numbers):
            reports.append(report)
            if report.faults or options.case is not None:
                print(report, flush=True)
    if options.report:
        options.report.write_text(json.dumps([asdict(report) for report in reports]))
    print(summary(reports, time.monotonic() - started))
    return 1 if any(report.faults for report in reports) else 0


def summary(reports: list[Report], seconds: float) -> str:
    """How many cases failed, by area."""
    drawn = Counter(report.area for report in reports)
    failed = Counter(report.area for report in reports if report.faults)
    parts = [f"{area} {failed[area]} of {drawn[area]}" for area in AREAS if drawn[area]]
    return (
        f"{failed.total()} of {drawn.total()} cases failed, with "
        f"{sum(report.inputs for report in reports)} bad inputs in {seconds:.0f} s: "
        f"{', '.join(parts)}"
    )


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    """A folder for all files; printed where it is kept."""
    folder = Path(tempfile.mkdtemp(prefix="fidip-fuzz-"))
    try:
        yield folder
    finally:
        if keep:
            print(f"files: {folder}")
        else:
            shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("fuzz", description="Throw bad inputs at fidip.")
    parser.add_argument("--count", type=int, default=300, help="cases to run")
    parser.add_argument("--seed", type=int, default=0, help="other seeds, other cases")
    parser.add_argument("--case", type=int, help="only the case of this number")
    parser.add_argument("--area", choices=AREAS, help="only cases of this area")
    parser.add_argument("--limit", type=float, default=60, help="seconds that a case may take")
    parser.add_argument("--keep", action="store_true", help="keep the files of failed cases")
    parser.add_argument("--report", type=Path, help="JSON file for all cases")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
