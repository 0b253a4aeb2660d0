"""Why a failure matters and what to change: as its cause has it, else as the law that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tnverify.engine.attribution import CANCELS, DRAWS, NOT_FINITE, WRITES

if TYPE_CHECKING:
    from tnverify.engine.results import LawVerdict


class Advice(NamedTuple):
    """One sentence each; empty where there is none."""

    why: str
    change: str


_OF_CAUSES = {
    CANCELS: Advice(
        "Outputs are wrong where activations lie far from zero, in low precision most of all.",
        "Take the mean first, then the mean square of what is left once it is subtracted.",
    ),
    DRAWS: Advice(
        "Two runs of one task differ, and no accuracy can be had again.",
        "Draw in train() alone, and leave predictions to what was learnt.",
    ),
    WRITES: Advice(
        "Whoever reads the same tensor after the layer, as a residual branch does, gets other"
        " values.",
        "Use operations that return a new tensor: x - mean, not x -= mean.",
    ),
    NOT_FINITE: Advice(
        "One value that is not finite makes every weight behind it so at the next step.",
        "Look at divisions by a spread of zero, at counts less one, and at roots of zero.",
    ),
}
"""By how a cause begins."""


def advice(verdict: LawVerdict) -> Advice:
    """Return why a law's failure matters and what to change."""
    for cause, said in _OF_CAUSES.items():
        if verdict.cause is not None and verdict.cause.startswith(cause):
            return said
    return Advice(verdict.law.why, verdict.law.remedy)
