"""``python -m tests.mutants``: run mutants of the core files, and count those that tests kill.

The core files and the tests are those of ``[tool.mutmut]`` in ``pyproject.toml``. Results are kept
in ``mutants/``: an interrupted run continues where it stopped, and survivors run again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import get_mutant_name, mangled_name_from_mutant_name

from .sample import (
    EQUIVALENT,
    EQUIVALENTS,
    KILLED,
    NO_TESTS,
    SURVIVED,
    TIMEOUT,
    draw,
    function_of,
    new_code,
    read_equivalents,
    table,
)


class Mutant(NamedTuple):
    """A changed function of a core file.

    Attributes:
        file: source file.
        function: mutmut's name of the function.
        hash: hash of the function's original code.
    """

    file: Path
    function: str
    hash: str


def main() -> int:
    """Exit status 1 where a mutant survived that is not listed as equivalent."""
    options = _options()
    mutants = _mutants()
    names = [name for name in mutants if fnmatch(name, options.only)]
    drawn = {name: mutants[name] for name in draw(names, options.sample, options.seed)}
    print(f"{len(drawn)} of {len(names)} mutants, seed {options.seed}", flush=True)
    done = _outcomes(drawn)
    pending = [name for name in drawn if done.get(name) not in (KILLED, TIMEOUT, EQUIVALENT)]
    if pending:
        mutmut = str(Path(sys.executable).with_name("mutmut"))
        arguments = ["run", "--max-children", str(options.processes), *pending]
        subprocess.run([mutmut, *arguments], check=True)
        done = _outcomes(drawn)
    survivors = [name for name in done if done[name] in (SURVIVED, NO_TESTS)]
    for name in survivors:
        print(f"\n{done[name]}: {name}\n{get_diff_for_mutant(name, path=mutants[name].file)}")
    print(f"\n{table(done, {name: str(mutants[name].file) for name in done})}")
    return 1 if survivors else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--sample", type=int, help="number of mutants to draw (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (default: 0)")
    parser.add_argument("--only", default="*", help="mutants to draw from, such as '*.geometry.*'")
    parser.add_argument("--processes", type=int, default=2, help="number of processes (default: 2)")
    return parser.parse_args()


def _mutants() -> dict[str, Mutant]:
    """Return all mutants of the core files by name."""
    mutants = {}
    for file in walk_mutatable_files():
        mutated = mutate_file_contents(str(file), file.read_text(encoding="utf-8"))
        for name in mutated.mutant_names:
            function = mangled_name_from_mutant_name(name)
            mutant = Mutant(file, function, mutated.hash_by_function_name[function])
            mutants[get_mutant_name(file, name)] = mutant
    return mutants


def _outcomes(mutants: dict[str, Mutant]) -> dict[str, str]:
    """Return the outcomes of those mutants that have run since their function was changed."""
    reasons = read_equivalents(EQUIVALENTS.read_text(encoding="utf-8"))
    results = {file: _results(file) for file in {mutant.file for mutant in mutants.values()}}
    outcomes = {}
    for name, mutant in mutants.items():
        result = results[mutant.file]
        code = result.exit_code_by_key.get(name)
        if code is None or result.hash_by_function_name.get(mutant.function) != mutant.hash:
            continue
        status = status_by_exit_code[code]
        outcome = status if status in (SURVIVED, NO_TESTS, TIMEOUT) else KILLED
        if outcome in (SURVIVED, NO_TESTS):
            change = new_code(get_diff_for_mutant(name, path=mutant.file))
            outcome = EQUIVALENT if (function_of(name), change) in reasons else outcome
        outcomes[name] = outcome
    return outcomes


def _results(file: Path) -> SourceFileMutationData:
    results = SourceFileMutationData(path=file)
    results.load()
    return results


if __name__ == "__main__":
    sys.exit(main())
