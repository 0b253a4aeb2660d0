"""Ordinary input, and what a layer says that refuses input for its form."""

from __future__ import annotations

from tnverify.plans import Plan

COMPLAINTS = (
    ValueError,
    RuntimeError,
    AssertionError,
    IndexError,
    TypeError,
    NotImplementedError,
)
"""What layers raise when they refuse input for its rank or shape."""


def ordinary(rank: int, step: int, *, seed: int = 1, items: int = 4) -> Plan:
    """A plan that every layer must take, on maps of at least 2 by 2, no two sizes alike.

    Its channels are three times `step`; of an OnlyWidth, its one width and its one map.
    """
    return Plan(
        context=items,
        targets=items,
        channels=int(3 * step),
        spatial=getattr(step, "spatial", None) or (5, 4, 2)[:rank],
        profile="normal",
        seed=seed,
    )
