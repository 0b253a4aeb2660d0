"""A law: a plain function of a norm and a generated task, with its declaration beside it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.contract.claims import Claims
    from tnverify.contract.norm import Prober
    from tnverify.contract.task import Task

Level = Literal["must", "should"]
Kind = Literal["exact", "rounded"]
Lane = Literal["float64", "native"]


@dataclass(frozen=True, slots=True)
class Law:
    """A declared law. `check(norm, task)` returns nothing, or raises Violation.

    `claimed` answers, for some claims, why the law is not claimed under them, or None where it
    is. `needs` lists handles without which the law is not claimed. `lanes` are the precisions
    it is checked in; `max_tasks` bounds the tasks that it is checked on in one lane (None: the
    profile's number); `thorough_only` keeps it out of the quicker profiles. `wide` says that it is
    asked about wide plans too, every so many of them (0: about none).
    """

    name: str
    family: str
    level: Level
    kind: Kind
    source: str
    check: Callable[[Prober, Task], None]
    claimed: Callable[[Claims], str | None]
    needs: tuple[str, ...] = ()
    lanes: tuple[Lane, ...] = ("float64", "native")
    max_tasks: int | None = None
    thorough_only: bool = False
    wide: int = 0

    @property
    def statement(self) -> str:
        """The law in words: the first line of its docstring."""
        return self.doc.splitlines()[0]

    @property
    def doc(self) -> str:
        return inspect.getdoc(self.check) or self.name.replace("_", " ")


def law(
    *,
    family: str,
    kind: Kind,
    source: str,
    level: Level = "must",
    claimed: Callable[[Claims], str | None] = lambda _claims: None,
    needs: tuple[str, ...] = (),
    lanes: tuple[Lane, ...] = ("float64", "native"),
    max_tasks: int | None = None,
    thorough_only: bool = False,
    wide: int = 0,
) -> Callable[[Callable[[Prober, Task], None]], Law]:
    """Declare the decorated function a law; its name is the law and its docstring explains it.

    See `Law` for the arguments. The module that holds the function must be announced through
    the entry point group `tnverify.catalogue`, as a package whose `LAWS` lists its laws.
    """

    def declare(check: Callable[[Prober, Task], None]) -> Law:
        if not inspect.getdoc(check):
            raise TypeError(f"law {check.__name__} has no docstring: a user reads it to act on")
        return Law(
            name=check.__name__,
            family=family,
            level=level,
            kind=kind,
            source=source,
            check=check,
            claimed=claimed,
            needs=needs,
            lanes=lanes,
            max_tasks=max_tasks,
            thorough_only=thorough_only,
            wide=wide,
        )

    return declare
