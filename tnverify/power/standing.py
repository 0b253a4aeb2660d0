"""What each law is there for: the faults that it kills, and those that it kills alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tnverify.catalogue import Law
    from tnverify.power.rows import Row


@dataclass(frozen=True, slots=True)
class Standing:
    """Names of the faults that a law kills, and of those that it kills alone.

    A must-level law is alone where no other must-level law kills, for the others decide nothing;
    a should-level law where no other law does at all.
    """

    law: str
    family: str
    killed: tuple[str, ...]
    alone: tuple[str, ...]


def standings(laws: Iterable[Law], rows: Sequence[Row]) -> tuple[Standing, ...]:
    """The standing of each law by a matrix: rows of which every law was asked."""
    laws = tuple(laws)
    killers = {row.name: {kill.law for kill in row.kills} for row in rows}
    decide = {law.name for law in laws if law.level == "must"}
    return tuple(
        Standing(
            law.name,
            law.family,
            tuple(name for name, by in killers.items() if law.name in by),
            tuple(
                name
                for name, by in killers.items()
                if law.name in by and (by & decide if law.name in decide else by) == {law.name}
            ),
        )
        for law in laws
    )


def by_family(rows: Sequence[Row], standing: Sequence[Standing]) -> dict[tuple[str, str], int]:
    """How many faults of a family are killed by some law of a family, by both."""
    family_of = {each.law: each.family for each in standing}
    counted: dict[tuple[str, str], int] = {}
    for row in rows:
        for family in {family_of[kill.law] for kill in row.kills if kill.law in family_of}:
            counted[row.family, family] = counted.get((row.family, family), 0) + 1
    return counted
