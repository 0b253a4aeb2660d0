"""One cause of failure: the law that tells most shown whole, each other law of it in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.report import boundaries, words
from tnverify.report.layout import clipped, labelled, paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.text import Text

    from tnverify.engine.results import Cause, Counterexample, LawVerdict

_OTHERWISE = (
    "--adapter NAME where it is to be called otherwise, --setup METHOD where a method of it must be"
    " called first, --device where it runs on another device alone"
)
_MOST_NAMED = 3
"""So many laws that a cause left undecided are named; more are counted."""


def cause_lines(
    group: Sequence[LawVerdict],
    width: int,
    *,
    number: int | None = None,
    cause: Cause | None = None,
) -> Iterator[Text]:
    """The lines of a cause. `group` has its laws, the most telling first."""
    telling, *others = group
    title = telling.law.statement if telling.cause is None else f"The layer {telling.cause}."
    prefix = "" if number is None else f"{number}. "
    yield from paragraph(f"{prefix}{title}", width, style="bold")
    yield from verdict_lines(telling, width)
    for position, other in enumerate(others):
        label = "also fails" if position == 0 else ""
        yield from _in_one_line(label, other, width, said=telling.reason)
    if telling.cause is not None and telling.cause.startswith("raises on ordinary tasks"):
        yield from labelled("try", _OTHERWISE, width)
    if cause is not None and cause.undecided:
        yield from labelled("undecided", _undecided(cause), width)


def _undecided(cause: Cause) -> str:
    """The laws that a cause kept from being decided: counted, and the first of them named."""
    names = ", ".join(cause.undecided[:_MOST_NAMED])
    more = len(cause.undecided) - _MOST_NAMED
    laws = words.count(len(cause.undecided), "law")
    return f"{laws} because of it: {names}{f' and {more} more' if more > 0 else ''}"


def verdict_lines(verdict: LawVerdict, width: int) -> Iterator[Text]:
    """What became of one law that fails, without its statement."""
    law, example = verdict.law, verdict.counterexample
    yield from labelled("law", law.name, width)
    yield from labelled("source", law.source, width)
    if verdict.reason and verdict.reason != verdict.actual:
        yield from labelled("found", verdict.reason, width)
    if verdict.expected is not None:
        yield from labelled("expected", verdict.expected, width, style="green")
    if verdict.actual is not None:
        yield from labelled("came", verdict.actual, width, style="red")
    if example is not None:
        yield from _example_lines(example, verdict, width)


def _example_lines(example: Counterexample, verdict: LawVerdict, width: int) -> Iterator[Text]:
    lane = {"float64": ", in float64", "native": ", in the layer's own precision"}
    smallest = example.summary or _numbers(example)
    yield from labelled("task", smallest + lane.get(verdict.lane, ""), width, style="bold")
    for position, call in enumerate(example.calls):
        yield from labelled("asked" if position == 0 else "", call, width)
    for position, sentence in enumerate(boundaries.sentences(example.boundary)):
        yield from labelled("where" if position == 0 else "", sentence, width)
    if example.path is not None:
        yield from labelled("program", example.path, width, style="cyan")
    if example.reproducer:
        came = (
            "run in a fresh process, it fails the same way"
            if example.verified
            else "not confirmed: a fresh process did not fail the same way, or was not run"
        )
        yield from labelled("", came, width)


def _numbers(example: Counterexample) -> str:
    return f"context {_plain(example.context)}, target {_plain(example.targets)}"


def _plain(values: object) -> str:
    if isinstance(values, list):
        return f"[{', '.join(map(_plain, values))}]"
    return f"{values:.6g}" if isinstance(values, float) else str(values)


def _in_one_line(
    label: str, verdict: LawVerdict, width: int, *, said: str | None
) -> Iterator[Text]:
    """The law's name, and why it fails where that fits and was not said already."""
    text = verdict.law.name
    why = verdict.reason or verdict.actual
    left = min(width, 100) - 14 - len(text) - 2
    if why and why != said and left > 20:
        text += f": {clipped(why, left)}"
    yield from labelled(label, text, max(width, 14 + len(text)))


def cause_text(group: Sequence[LawVerdict], width: int = 80) -> str:
    """The lines of a cause as plain text."""
    return "\n".join(line.plain.rstrip() for line in cause_lines(group, width))
