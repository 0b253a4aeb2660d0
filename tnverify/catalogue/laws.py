"""A law: a plain function of a norm and a generated task, with its declaration beside it."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from tnverify.contract.draw import Draw

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.contract.claims import Claims
    from tnverify.contract.norm import Prober
    from tnverify.contract.task import Task

Level = Literal["must", "should"]
Kind = Literal["exact", "rounded"]
Lane = Literal["float64", "native"]
Edge = Literal[
    "no_items",
    "one_item",
    "odd_items",
    "one_channel",
    "one_pixel",
    "one_row",
    "rank",
    "size",
    "layout",
    "dtype",
]
"""What may be unusual about a set that a layer is given."""
About = Literal["draws", "writes", "rounding"]
"""What a law may be about that makes others fail too: random draws, writes to the input, digits
that are lost far from zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LawFacts:
    """What a law says of itself, as values alone: all that a report needs of it.

    `doc` explains it, its first line, the `statement`, included. `why` says in a sentence why it
    matters where it fails, `remedy` what to change; both are empty where the law does not say.
    """

    name: str
    family: str
    level: Level
    kind: Kind
    source: str
    doc: str = ""
    why: str = ""
    remedy: str = ""
    max_tasks: int | None = None

    @property
    def statement(self) -> str:
        """The law in words: the first line of what explains it."""
        return self.doc.splitlines()[0] if self.doc else self.name.replace("_", " ")

    @property
    def explanation(self) -> tuple[str, ...]:
        """What explains the law beside its statement, a paragraph each."""
        rest = self.doc.partition("\n")[2].strip()
        return tuple(" ".join(part.split()) for part in rest.split("\n\n") if part.strip())

    @property
    def facts(self) -> LawFacts:
        """These values without what checks them."""
        return LawFacts(**{name: getattr(self, name) for name in _FACTS})


_FACTS = tuple(field.name for field in fields(LawFacts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Law(LawFacts):
    """A declared law. `check(norm, task)` returns nothing, or raises Violation; what it draws is
    a function of its name and the task's salt.

    `claimed` answers, for some claims, why the law is not claimed under them, or None where it
    is. `needs` lists handles without which the law is not claimed. `lanes` are the precisions
    it is checked in; `max_tasks` bounds the tasks that it is checked on in one lane (None: the
    profile's number); `thorough_only` keeps it out of the quicker profiles. `edges` names those
    that the law is about: a layer that stumbles there breaks it, where other laws take the error
    for a refusal. `about` names what the law is there to find, where that would make laws of other
    things fail as well. `wide` says that it is asked about wide plans too, every so many of them
    (0: about none).
    """

    check: Callable[[Prober, Task], None]
    claimed: Callable[[Claims], str | None]
    needs: tuple[str, ...] = ()
    lanes: tuple[Lane, ...] = ("float64", "native")
    thorough_only: bool = False
    edges: tuple[Edge, ...] = ()
    about: About | None = None
    wide: int = 0


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
    edges: tuple[Edge, ...] = (),
    about: About | None = None,
    wide: int = 0,
    why: str = "",
    remedy: str = "",
) -> Callable[[Callable[..., None]], Law]:
    """Declare the decorated function a law; its name is the law and its docstring explains it.

    The function takes a norm and a task and, where it chooses anything, a `Draw` as its third
    parameter. See `Law` and `LawFacts` for the arguments. The module that holds the function must
    be announced through the entry point group `tnverify.catalogue`, as a package whose `LAWS` lists
    its laws.
    """

    def declare(check: Callable[..., None]) -> Law:
        doc = inspect.getdoc(check)
        if not doc:
            raise TypeError(f"law {check.__name__} has no docstring: a user reads it to act on")
        return Law(
            name=check.__name__,
            family=family,
            level=level,
            kind=kind,
            source=source,
            doc=doc,
            why=why,
            remedy=remedy,
            check=_drawing(check),
            claimed=claimed,
            needs=needs,
            lanes=lanes,
            max_tasks=max_tasks,
            thorough_only=thorough_only,
            edges=edges,
            about=about,
            wide=wide,
        )

    return declare


def _drawing(check: Callable[..., None]) -> Callable[[Prober, Task], None]:
    """The check of a norm and a task alone: one that wants a draw is given a new one each time."""
    if len(inspect.signature(check).parameters) < 3:
        return check

    @functools.wraps(check)
    def drawn(norm: Prober, task: Task) -> None:
        check(norm, task, Draw(check.__name__, task.salt))

    return drawn
