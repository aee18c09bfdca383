"""``fidip check``: validate a dataset and report problems."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("check")

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from fidip.cli.console_progress import ConsoleProgress
from fidip.cli.findings import count_refused, counts_table, findings_report, findings_table
from fidip.core.errors import ConfigError, DataError, shown
from fidip.data.layout import find_split, split_names
from fidip.data.validation import (
    Examination,
    Overlap,
    examine_split,
    find_overlaps,
)
from fidip.io.json import read_json, write_json
from fidip.io.terminal import print_parts


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
    with ConsoleProgress("image") as progress:
        found = [examine_split(root, name, progress, data.skip_unusable) for name in names]
    overlaps = find_overlaps(found, [data.train_split, data.domain_split], data.test_split)
    print_findings(root, found, overlaps)
    if config.out:
        write_json(Path(config.out), findings_report(root, found, overlaps))
        print(f"report: {config.out}")
    refused = count_refused(found, overlaps)
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


def print_findings(root: Path, found: Sequence[Examination], overlaps: Sequence[Overlap]) -> None:
    """Print a table of splits and a table of findings.

    Args:
        root: folder of the dataset.
        found: the validated splits.
        overlaps: images that splits share.
    """
    findings = findings_table(root, found, overlaps)
    print_parts(counts_table(found), *[findings] * (findings.row_count > 0))


@command("check")
def main(config: DictConfig) -> None:
    """Run the command."""
    check(config)


if __name__ == "__main__":
    main()
