"""What became of the mutants that `mutmut run` tried, by part of the core; fails below the goal.

A mutant is noticed where mypy refuses it, or where a test fails, ends too late or dies of it; one
that no test reaches is not. Tests are asked of those that mypy lets pass: their share of these is
shown apart. `mutmut show NAME` prints a survivor.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter

from rich.console import Console
from rich.table import Table

GOAL = 95.0
"""Per cent."""

NOTICED = ("killed", "caught by type check", "timeout", "segfault")
UNTRIED = "not checked"


def outcomes() -> dict[str, str]:
    """What became of each mutant, by name."""
    listed = subprocess.run(
        [sys.executable, "-m", "mutmut", "results", "--all", "true"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    lines = (line.strip().rpartition(": ") for line in listed.splitlines() if ": " in line)
    return {name: outcome for name, _, outcome in lines}


def part_of(name: str) -> str:
    """`tnverify.norms.kernels.cpu.x_f__mutmut_1` is of norms/kernels."""
    folders = name.split(".x", 1)[0].split(".")[1:-1]
    return "/".join(folders)


def _share(noticed: int, of: int) -> str:
    """Per cent, rounded down: what is missed is never rounded away."""
    return f"{math.floor(1000 * noticed / of) / 10:.1f} %" if of else "-"


def main() -> int:
    found = outcomes()
    if not found:
        print("no mutant was tried: run `mutmut run` first", file=sys.stderr)
        return 2
    console = Console()
    for name, outcome in sorted(found.items()):
        if outcome not in (*NOTICED, UNTRIED):
            console.print(f"{outcome}: {name}", highlight=False)
    table = Table(title="Mutants of the core")
    columns = ("part", "mutants", "types notice", "tests notice", "missed", "score", "tests alone")
    for column in columns:
        is_first = column == "part"
        table.add_column(column, justify="left" if is_first else "right", no_wrap=is_first)
    parts = {name: part_of(name) for name in found}
    for part in (*sorted(set(parts.values())), "all"):
        mine = Counter(found[name] for name in found if part in (parts[name], "all"))
        total, typed = mine.total(), mine["caught by type check"]
        noticed = sum(mine[outcome] for outcome in NOTICED)
        counts = (total, typed, noticed - typed, total - noticed)
        shares = (_share(noticed, total), _share(noticed - typed, total - typed))
        table.add_row(part, *map(str, counts), *shares)
    console.print(table)
    untried = sum(outcome == UNTRIED for outcome in found.values())
    if untried:
        console.print(f"{untried} were not tried yet: the same command goes on with them.")
    score = 100 * sum(found[name] in NOTICED for name in found) / len(found)
    return 0 if score >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
