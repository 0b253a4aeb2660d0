"""A leak or rounding, decided without a threshold that anybody has to choose.

Where the same shapes are computed, a sound subject answers to the bit. Where bits differ, float64
decides: rounding shrinks by nine orders of magnitude, a leak does not. Where there is no float64
to rise to, what moves is held against what rounding does by itself: how far the same outputs go
when every input moves by one unit in the last place. That also clears targets at a tie, such as
between two neighbours, which the smallest step decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.auditing.asking import Asker, Pair, Reading, differences, same_bits
from tnverify.contract.outcomes import Violation

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.auditing.driving.driven import Lane

_SHRINKS = 2.0**-10
"""Rounding in float64 is 2^-29 of that in float32, a leak is as large: the share that parts them
lies between, with room for subjects that lose half of their digits."""
_ROOM = 64.0
"""Times the floor that rounding may reach: other shapes take other kernels, which sum otherwise."""


class Undecided(Exception):  # noqa: N818 - it is no error: a law that cannot be decided
    """What keeps a law from being decided, in words."""


def settle(asker: Asker, pair: Pair) -> Reading:
    """Return what the answers in two worlds say. Raises Undecided where the subject answers equal
    questions differently, and Violation where the answers have other forms."""
    usual, other = asker.answer(pair.task), asker.answer(pair.other)
    if usual.shape[1:] != other.shape[1:]:
        raise Violation(
            f"the outputs of a target change their form: {tuple(usual.shape[1:])} with"
            f" {pair.task.count} targets, {tuple(other.shape[1:])} with {pair.other.count}",
            symptom="form",
        )
    first, second = usual[pair.rows], other[pair.other_rows]
    if same_bits(first, second):
        return Reading("equal")
    if not asker.is_deterministic:
        raise Undecided("two equal worlds, seeded alike, answer differently")
    moved = differences(first, second)
    if asker.has_float64:
        return _by_float64(asker, pair, moved)
    found = "rounding" if _explained(asker, pair, moved, "native") else "reads"
    return Reading(found, _largest(moved), None, int(moved.argmax()))  # type: ignore[arg-type]  # one of the two


def _by_float64(asker: Asker, pair: Pair, moved: Tensor) -> Reading:
    wide = differences(
        asker.answer(pair.task, "float64")[pair.rows],
        asker.answer(pair.other, "float64")[pair.other_rows],
    )
    shrinks = _largest(wide) <= _SHRINKS * _largest(moved)
    if shrinks or _explained(asker, pair, wide, "float64"):
        return Reading("rounding", _largest(moved), _largest(wide), int(moved.argmax()))
    return Reading("reads", _largest(moved), _largest(wide), int(wide.argmax()))


def _explained(asker: Asker, pair: Pair, moved: Tensor, lane: Lane) -> bool:
    """Whether every row moves no further than rounding moves it."""
    floor = asker.floor(pair.task, lane)[pair.rows]
    return bool((moved <= _ROOM * floor).all())


def _largest(moved: Tensor) -> float:
    return float(moved.max()) if moved.numel() else 0.0
