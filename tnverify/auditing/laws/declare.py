"""What a law of an audit is, and how a function is declared one."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tnverify.catalogue.laws import Kind, LawFacts, Level

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = ("learner", "predictor")
"""Kinds of subject that answer with a row a target."""
EVERY = (*ROWS, "evaluation")
INDUCTIVE = ("inductive", "bitwise")
ANY = ("inductive", "bitwise", "transductive", "online")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLaw(LawFacts):
    """A law: `check(asker, task, draw)` returns nothing, or raises Violation.

    `asks` are the kinds of subject that it is asked of, `claims` those under which it is claimed.
    `once` asks it on one task alone.
    """

    check: Callable[[Any, Any, Any], None]
    asks: tuple[str, ...] = ROWS
    claims: tuple[str, ...] = ANY
    once: bool = False


def audit_law(
    *,
    family: str,
    kind: Kind,
    level: Level = "must",
    asks: tuple[str, ...] = ROWS,
    claims: tuple[str, ...] = ANY,
    once: bool = False,
    source: str = "section 2: a target may read its context alone",
    why: str = "",
    remedy: str = "",
) -> Callable[[Callable[..., None]], AuditLaw]:
    """Declare the decorated function a law of audits; its name is the law, its docstring explains
    it.

    The function takes an asker, a task and, where it chooses anything, a `Draw`. See `AuditLaw` and
    `LawFacts` for the arguments.
    """

    def declare(check: Callable[..., None]) -> AuditLaw:
        doc = inspect.getdoc(check)
        if not doc:
            raise TypeError(f"law {check.__name__} has no docstring: a user reads it to act on")
        return AuditLaw(
            name=check.__name__,
            family=family,
            level=level,
            kind=kind,
            source=source,
            doc=doc,
            why=why,
            remedy=remedy,
            max_tasks=1 if once else None,
            check=_drawing(check),
            asks=asks,
            claims=claims,
            once=once,
        )

    return declare


def _drawing(check: Callable[..., None]) -> Callable[[Any, Any, Any], None]:
    """The check of an asker, a task and a draw, also of a function that draws nothing."""
    if len(inspect.signature(check).parameters) >= 3:
        return check

    @functools.wraps(check)
    def without_draw(asker: Any, task: Any, _draw: Any) -> None:
        check(asker, task)

    return without_draw
