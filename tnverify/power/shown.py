"""A census on a terminal: scores, survivors, the curve, and the matrix by family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tnverify.power.score import curve, score, scores
from tnverify.power.standing import by_family, standings
from tnverify.report.layout import labelled, paragraph
from tnverify.report.matrix import family_codes
from tnverify.report.words import count, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.catalogue import Catalogue
    from tnverify.power.census import Census
    from tnverify.power.rows import Row
    from tnverify.power.score import Score
    from tnverify.power.standing import Standing

_STEPS = (1, 2, 3, 5, 8, 12, 18, 24, 36, 52, 72, 120, 200, 330)
_BAR = 30
_BLANK = Text("")


def census_lines(census: Census, catalogue: Catalogue, width: int) -> Iterator[Text]:
    """Everything that a person should know; the whole matrix is for JSON and the figure."""
    rows = census.at(census.seeds[0])
    families = tuple(dict.fromkeys(row.family for row in rows))
    hard = sum(row.hard for row in rows)
    of = f"{count(len(rows), 'planted fault')} of {_number(families)}, {hard} of them hard"
    yield Text("What the laws catch", style="bold").append(f": {of}", style="not bold")
    yield _BLANK
    yield from _scores(scores(census))
    yield from _survivors(census, width)
    yield _BLANK
    yield from _curve(census)
    matrix = census.matrix
    if matrix:
        found = standings(catalogue, matrix)
        yield _BLANK
        yield from _by_family(matrix, found, width)
        yield _BLANK
        if len(families) < len(catalogue.families):
            yield from _by_fault(matrix, width)
        else:
            yield from _alone(found, width)
    yield _BLANK
    yield from _summary(census, width)


def _number(families: Sequence[str]) -> str:
    return families[0] if len(families) == 1 else f"{len(families)} families"


def _scores(found: Sequence[Score]) -> Iterator[Text]:
    yield Text(f"  {'profile':10}{'tasks a law':>11}{'caught':>14}{'share':>9}{'median':>9}"
               f"{'latest':>9}", style="dim")  # fmt: skip
    for each in found:
        caught = f"{each.caught} of {each.reachable}"
        median = "-" if each.median is None else f"{each.median:g}"
        latest = "-" if each.slowest is None else str(each.slowest[0])
        style = "green" if each.caught == each.reachable else "red"
        yield (
            Text(f"  {each.profile.name:10}{each.profile.tasks:>11}")
            .append(f"{caught:>14}{_percent(each.share):>9}", style=style)
            .append(f"{median:>9}{latest:>9}")
        )
    for line in (
        "caught at the worst seed; median and latest: the task that first showed a fault,",
        "of all tasks that are drawn, those counted of which the law says nothing",
    ):
        yield Text(f"  {line}", style="dim")


def _percent(share: float) -> str:
    """A share that is never rounded up to all."""
    return "100 %" if share == 1 else f"{min(share, 0.999):.1%}".replace("%", " %")


def _survivors(census: Census, width: int) -> Iterator[Text]:
    own = score(census.profile, census.rows)
    for position, name in enumerate(own.survivors):
        seeds = [row.seed for row in census.rows if row.name == name and row.survives]
        text = f"{name} (seed {', '.join(map(str, seeds))})"
        yield from labelled("survives" if position == 0 else "", text, width, style="red")
    for position, (name, why) in enumerate(own.out_of_reach):
        yield from labelled("beyond" if position == 0 else "", f"{name}: {why}", width)
    missed = [f"{law} ({row.name})" for row in census.matrix if row.kills for law in row.missed]
    if missed:
        text = f"laws that were to kill a fault and did not, though others did: {joined(missed)}"
        yield from labelled("missed", text, width, style="yellow")


def _curve(census: Census) -> Iterator[Text]:
    shares = curve(census.rows, census.profile.corpus)
    yield Text("  Share of the faults that is caught within a number of tasks", style="bold")
    for most in _STEPS:
        if most > len(shares):
            break
        share = shares[most - 1]
        bar = "█" * round(share * _BAR)
        yield (
            Text(f"  {most:>5}  ")
            .append(f"{bar:{_BAR}}", style="cyan")
            .append(f" {_percent(share):>8}")
        )
        if share == 1:
            break


def _by_family(rows: Sequence[Row], found: Sequence[Standing], width: int) -> Iterator[Text]:
    """Rows are families of faults, columns families of laws; each row ends with its number."""
    counted = by_family(rows, found)
    laws = tuple(dict.fromkeys(each.family for each in found))
    codes = family_codes(laws)
    yield Text("  Faults of each family that are killed by laws of each family", style="bold")
    yield Text(
        f"  {'':16}" + "".join(f"{codes[law]:>5}" for law in laws) + "   faults", style="dim"
    )
    for family in dict.fromkeys(row.family for row in rows):
        line = Text(f"  {family:16}")
        for law in laws:
            number = counted.get((family, law), 0)
            line.append(f"{number or '.':>5}", style="bold" if law == family else "")
        yield line.append(f"{sum(row.family == family for row in rows):>9}")
    meant = ", ".join(f"{codes[law]} {law}" for law in laws)
    yield from paragraph(f"laws: {meant}", width, indent=2, style="dim")


def _by_fault(rows: Sequence[Row], width: int) -> Iterator[Text]:
    yield Text("  Each fault, the task that first showed it, and the laws that kill it",
               style="bold")  # fmt: skip
    for row in rows:
        first = "-" if row.first is None else str(row.first.task)
        kills = sorted(row.kills, key=lambda kill: kill.task)
        yield Text(f"  {first:>3}  ").append(row.name, style="cyan")
        laws = ", ".join(kill.law for kill in kills[:4])
        more = f" and {len(kills) - 4} more" if len(kills) > 4 else ""
        yield from paragraph(laws + more or row.out_of_reach or "no law", width, indent=7)


def _alone(found: Sequence[Standing], width: int) -> Iterator[Text]:
    shared = [each.law for each in found if not each.alone]
    text = f"{len(found) - len(shared)} of {len(found)} laws kill a fault that no other law kills"
    if shared:
        text += f"; the docstrings of the others name their neighbours: {joined(shared)}"
    yield from paragraph(f"{text}.", width, indent=2)


def _summary(census: Census, width: int) -> Iterator[Text]:
    if census.interrupted:
        yield Text("Interrupted: this is what was found so far.", style="bold yellow")
    seeds = f"seed {census.seeds[0]}"
    if len(census.seeds) > 1:
        seeds = f"seeds {census.seeds[0]} to {census.seeds[-1]}"
    cpu = sum(row.seconds for row in census.rows) / max(1, len(census.rows))
    survivors = len(score(census.profile, census.rows).survivors)
    verdict = f"{count(survivors, 'fault survives', 'faults survive')}" if survivors else (
        "Every fault dies" if not census.interrupted else "No fault survived"
    )  # fmt: skip
    text = (
        f"{verdict} (profile {census.profile.name}, {seeds}, {census.seconds:.0f} s, "
        f"{cpu:.2f} s of CPU time a fault)."
    )
    yield from paragraph(text, width, style="bold red" if survivors else "bold")
