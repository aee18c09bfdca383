"""Random samples of mutants, and what their results say about all mutants."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from scipy.stats import binomtest

EQUIVALENTS = Path(__file__).with_name("equivalents.txt")
KILLED, SURVIVED, NO_TESTS, TIMEOUT, EQUIVALENT = OUTCOMES = (
    "killed",
    "survived",
    "no tests",
    "timeout",
    "equivalent",
)


def draw(names: Collection[str], count: int | None, seed: int) -> list[str]:
    """Return mutants drawn without replacement, all with the same probability; None draws all."""
    ordered = sorted(names)
    return random.Random(seed).sample(ordered, min(count or len(ordered), len(ordered)))


def function_of(name: str) -> str:
    """Return the dotted name of the function that a mutant changes.

    Example:
        >>> function_of("fidip.core.poses.xǁPosesǁrounded__mutmut_2")
        'fidip.core.poses.Poses.rounded'
    """
    module, _, mangled = name.partition("__mutmut_")[0].rpartition(".")
    return f"{module}.{re.sub('^x[._]', '', mangled.replace('ǁ', '.'))}"


def new_code(diff: str) -> str:
    """Return the lines that a mutant's diff adds, as one line."""
    lines = (line for line in diff.splitlines() if not line.startswith("+++"))
    return " ".join(line[1:].strip() for line in lines if line.startswith("+"))


def read_equivalents(text: str) -> dict[tuple[str, str], str]:
    """Return the reasons in a list of equivalent mutants, by function and new code.

    Args:
        text: ``FUNCTION: CODE  # REASON`` on each line, comments and empty lines.
    """
    reasons = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            mutant, _, reason = line.rpartition("  # ")
            function, _, code = mutant.partition(": ")
            reasons[function, code] = reason
    return reasons


def table(outcomes: Mapping[str, str], files: Mapping[str, str]) -> str:
    """Return the number of mutants by file and outcome, and an interval of the killed fraction.

    Args:
        outcomes: outcome by mutant.
        files: source file by mutant.
    """
    width = max(map(len, files.values()), default=0)
    counts = Counter((files[name], outcome) for name, outcome in outcomes.items())
    rows = [f"{'':{width}}  {'  '.join(OUTCOMES)}"]
    for file in sorted({files[name] for name in outcomes}):
        cells = (f"{counts[file, outcome]:{len(outcome)}}" for outcome in OUTCOMES)
        rows.append(f"{file:{width}}  {'  '.join(cells)}")
    return "\n".join([*rows, fraction(outcomes.values())])


def fraction(outcomes: Iterable[str]) -> str:
    """Return the fraction of killed mutants without equivalents, with its 95 % Wilson interval.

    A mutant that makes the tests run into the time limit counts as killed.

    Example:
        >>> fraction(["killed"] * 8 + ["timeout", "survived", "equivalent"])
        '9 of 10 non-equivalent mutants killed: 90.0 %, 95 % interval 59.6 to 98.2 %'
    """
    counts = Counter(outcomes)
    killed, total = counts[KILLED] + counts[TIMEOUT], counts.total() - counts[EQUIVALENT]
    if not total:
        return "no mutants"
    low, high = binomtest(killed, total).proportion_ci(method="wilson")
    return (
        f"{killed} of {total} non-equivalent mutants killed: {100 * killed / total:.1f} %, "
        f"95 % interval {100 * low:.1f} to {100 * high:.1f} %"
    )
