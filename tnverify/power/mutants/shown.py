"""A survey of mutants on a terminal: what is caught and by what, and every survivor as a diff."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from rich.text import Text

from tnverify.power.mutants.judge import COMPARED
from tnverify.power.mutants.mutant import KINDS
from tnverify.report.layout import labelled, paragraph
from tnverify.report.words import count, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.power.mutants.mutant import Judged, Mutant
    from tnverify.power.mutants.survey import Survey

    Found = Sequence[tuple[Mutant, Judged]]

_MOST, _LONGEST = 12, 40
"""How many mutants that were set aside are named, and in how many characters each."""

_NAMES, _BESIDE = 24, 10
"""Columns of a mutant's name, and of what stands before it and between it and the law."""

_BLANK = Text("")
_COLOURS = {"-": "red", "+": "green", "@": "dim"}


def survey_lines(found: Survey, width: int) -> Iterator[Text]:
    """Everything that a person should know."""
    yield Text("Mutants of ", style="bold").append(found.request.spec)
    yield _BLANK
    yield from _original(found, width)
    yield _BLANK
    yield from _kinds(found)
    caught = found.of("caught")
    if caught:
        yield _BLANK
        yield from _caught(caught, width)
    told = ""
    for mutant, judged in found.of("survives"):
        yield _BLANK
        yield from _survivor(mutant, judged, "as above" if judged.advice == told else "", width)
        told = judged.advice
    yield _BLANK
    yield from _aside(found, width)
    yield from _summary(found, width)


def _original(found: Survey, width: int) -> Iterator[Text]:
    original = found.original
    claims, as_found = original.recipe.held_to, original.found
    how = "measured" if claims.inferred else "claimed"
    held = f"{claims} ({how}), eps {as_found.eps:g}, by the adapter {as_found.adapter}"
    yield from labelled("held to", f"what the layer is itself: {held}", width)
    if claims.has_formula and not claims.variance_given:
        exact = f"{claims.scheme.name},{claims.variance}"
        text = (
            "verify takes what is not claimed, and eps, from the layer that it is given: claim"
            f" {exact}, lest a change that makes another scheme of it pass there"
        )
        yield from labelled("", text, width)
    yield from labelled("itself", f"{original.verdict}: {count(original.held, 'law')} hold", width)
    if original.fails:
        text = f"it fails these itself, so they count for nothing here: {joined(original.fails)}"
        yield from labelled("", text, width, style="yellow")
    if found.no_source is not None:
        text = f"not changed: {found.no_source}; what it does is changed alone"
        yield from labelled("source", text, width)


def _kinds(found: Survey) -> Iterator[Text]:
    yield Text(
        f"  {'changed':12}{'made':>6}{'aside':>7}{'caught':>8}{'survive':>9}{'median':>8}"
        f"{'latest':>8}",
        style="dim",
    )
    kinds = [kind for kind in KINDS if any(mutant.kind == kind for mutant, _ in found.found)]
    for kind in kinds:
        yield _kind(kind, [each for each in found.found if each[0].kind == kind])
    if len(kinds) > 1:
        yield _kind("all", found.found)
    yield Text("  median and latest: the task that first showed a change", style="dim")


def _kind(kind: str, found: Found) -> Text:
    fates = [judged.fate for _, judged in found]
    caught, survive = fates.count("caught"), fates.count("survives")
    tasks = [judged.first.task for _, judged in found if judged.first is not None]
    median = f"{statistics.median(tasks):g}" if tasks else "-"
    latest = str(max(tasks)) if tasks else "-"
    aside = len(fates) - caught - survive
    return (
        Text(f"  {kind:12}{len(fates):>6}{aside:>7}")
        .append(f"{caught:>8}", style="green" if caught else "")
        .append(f"{survive:>9}", style="red" if survive else "")
        .append(f"{median:>8}{latest:>8}")
    )


def _caught(found: Found, width: int) -> Iterator[Text]:
    yield Text("  Caught: the task, the line and the change, and the law", style="bold")
    for mutant, judged in found:
        first = judged.first
        assert first is not None  # caught
        others = f" and {len(judged.kills) - 1} more" if len(judged.kills) > 1 else ""
        mark = "" if judged.decides else " (should)"
        law = f"{first.law}{mark}{others}"
        if len(mutant.name) <= _NAMES and _NAMES + len(law) + _BESIDE <= width:
            yield (
                Text(f"  {first.task:>4}  ")
                .append(f"{mutant.name:{_NAMES}}  ", style="cyan")
                .append(law)
            )
        else:
            yield Text(f"  {first.task:>4}  ").append(_cut(mutant.name, width - 8), style="cyan")
            yield Text(f"          {law}")


def _survivor(mutant: Mutant, judged: Judged, again: str, width: int) -> Iterator[Text]:
    yield Text("  Survives: ", style="bold red").append(mutant.name, style="not bold cyan")
    for line in mutant.diff.splitlines():
        yield Text(f"    {line}", style=_COLOURS.get(line[:1], ""))
    yield from labelled("differs", judged.difference, width)
    yield from labelled("to add", again or judged.advice, width)


def _aside(found: Survey, width: int) -> Iterator[Text]:
    alike, unborn, stopped = (found.of(f) for f in ("equivalent", "stillborn", "stopped"))
    if alike:
        text = (
            f"{count(len(alike), 'mutant')} that no law minds: on {COMPARED} tasks in float64 and"
            " some in its own and in half precision, of any rank and up to 16 channels, outputs,"
            f" gradients and what is saved are the original's to the last bit: {_named(alike)}"
        )
        yield from labelled("equivalent", text, width)
    if unborn:
        text = f"{count(len(unborn), 'mutant')} that cannot be built or raise on all ordinary input"
        yield from labelled("stillborn", text, width)
    if stopped:
        text = f"{_named(stopped)}"
        yield from labelled("stopped", text, width)
        for why in dict.fromkeys(judged.why for _, judged in stopped):
            yield from labelled("", why, width)
    if alike or unborn or stopped:
        yield from paragraph("None of these counts in the score.", width, indent=2, style="dim")
        yield _BLANK


def _named(found: Found) -> str:
    names = [_cut(mutant.name, _LONGEST) for mutant, _ in found[:_MOST]]
    more = [f"{len(found) - _MOST} more"] if len(found) > _MOST else []
    return joined([*names, *more])


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _summary(found: Survey, width: int) -> Iterator[Text]:
    if found.interrupted:
        text = f"Interrupted: {len(found.found)} of {count(found.made, 'mutant')} were judged."
        yield Text(text, style="bold yellow")
    caught, survive = found.of("caught"), found.of("survives")
    if found.score is None:
        verdict = "No mutant differs from the layer: nothing was measured"
    else:
        score = "100 %" if not survive else f"{min(found.score, 0.999):.1%}".replace("%", " %")
        both = len(caught) + len(survive)
        verdict = f"Mutation score {score}: {len(caught)} of {both} are caught"
        gentle = sum(not judged.decides for _, judged in caught)
        if gentle:
            verdict += (
                f", {gentle} of them by should-level laws alone, which a report shows while the"
                " layer conforms"
            )
    text = f"{verdict} (profile {found.profile.name}, seed {found.seed}, {found.seconds:.0f} s)."
    yield from paragraph(text, width, style="bold red" if survive else "bold")
