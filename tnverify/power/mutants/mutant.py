"""Mutants as values: what was changed, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tnverify.power.rows import Kill

KINDS: tuple[str, ...] = (
    "axis",
    "constant",
    "comparison",
    "arithmetic",
    "flag",
    "statement",
    "condition",
    "call",
    "detach",
    "behaviour",
)
"""What can be changed, in the order of the table: the axes that moments are taken over, numbers,
comparisons, arithmetic, flags such as unbiased, dropped statements, conditions, dropped calls,
detached values, and, whatever the source, what the built layer does."""

Fate = Literal["caught", "survives", "equivalent", "stillborn", "stopped"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. `text` is the whole changed file; it is empty where `behaviour` names one.

    `line` is where the file was changed, from 1; `diff` a unified diff of the file, or what the
    behaviour does, in words.
    """

    name: str
    kind: str
    line: int | None
    diff: str
    text: str = ""
    behaviour: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one mutant.

    `caught`: a law that the original keeps finds it violated or broken; `kills` are those laws
    (the first of them alone, unless the whole matrix was asked for), `decides` whether one is of
    must level. `survives`: none does, and it answers otherwise than the original, as `difference`
    says; `advice` is what to add. `equivalent`: none does, and it answers as the original does.
    `stillborn`: it does not build, or answers no ordinary task. `stopped`: it hung, took too much
    memory or ended its process. `why` says how, of the last two.
    """

    fate: Fate
    kills: tuple[Kill, ...] = ()
    decides: bool = False
    difference: str = ""
    advice: str = ""
    why: str = ""
    seconds: float = 0.0

    @property
    def first(self) -> Kill | None:
        """The kill that took the fewest tasks."""
        return min(self.kills, key=lambda kill: kill.task, default=None)
