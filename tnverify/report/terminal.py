"""A run on a terminal, or in a file that its output was sent to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.text import Text

from tnverify.report import plain, words
from tnverify.report.budget import budget_text
from tnverify.report.layout import paragraph, printable
from tnverify.report.matrix import matrix_lines
from tnverify.report.subject import heading_lines, identity_lines, naming_lines, subject_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tnverify.engine.results import RunReport, SubjectReport, Verdict

_ORDER: tuple[Verdict, ...] = ("violates", "unusable", "inconclusive", "conforms")


def console(*, color: bool = True, file: TextIO | None = None) -> Console:
    """A console on `file` (stdout if None). Colours only where it is a terminal and `color`."""
    return Console(
        file=file or sys.stdout, no_color=True if not color else None, highlight=False,
        markup=False, emoji=False,
    )  # fmt: skip


def show(lines: Iterable[Text], on: Console) -> None:
    """Print lines as they are: they were fitted to the width when they were made."""
    for line in lines:
        harmless = line.copy()
        harmless.plain = printable(line.plain)  # as long as it was: styles stay where they are
        on.print(harmless, soft_wrap=True)


def print_run(run: RunReport, on: Console, *, verbose: bool = False) -> None:
    """The whole report: one subject in full; of several, the matrix of all, then those that do not
    conform in full."""
    show(run_lines(run, on.width, verbose=verbose), on)


def run_text(run: RunReport, width: int = 80) -> str:
    """The report as plain text."""
    return printable("\n".join(line.plain.rstrip() for line in run_lines(run, width)))


def subject_text(subject: SubjectReport, width: int = 80) -> str:
    """One subject as plain text: what it is, and what was found where laws were asked."""
    lines = subject_lines(subject, width) if subject.laws else identify_lines(subject, width)
    return printable("\n".join(line.plain for line in lines))


def to_text(run: RunReport) -> str:
    """What `print_run` shows on 80 columns, as plain text."""
    return f"{run_text(run)}\n"


def run_lines(run: RunReport, width: int, *, verbose: bool = False) -> Iterator[Text]:
    """The lines of `print_run`."""
    several = len(run.subjects) > 1
    if several:
        yield Text(f"{plain.heading(run)}.", style="bold")
        yield Text("")
        yield from matrix_lines(run.subjects, width)
        yield Text("")
    for subject in run.subjects:
        if several and (subject.verdict == "conforms" or _not_reached(subject)):
            continue
        yield from subject_lines(subject, width, verbose=verbose)
        yield Text("")
    if run.interrupted:
        missing = sum(map(_not_reached, run.subjects))
        text = "Interrupted: this is what was found so far"
        text += (
            f"; {words.count(missing, 'layer was', 'layers were')} not reached." if missing else "."
        )
        yield from paragraph(text, width, style="bold yellow")
    yield from _summary(run, width)


def _not_reached(subject: SubjectReport) -> bool:
    return subject.verdict == "inconclusive" and not subject.laws


def _summary(run: RunReport, width: int) -> Iterator[Text]:
    """One line with the verdicts, and how to get the same run again."""
    counted = [(sum(s.verdict == verdict for s in run.subjects), verdict) for verdict in _ORDER]
    verdicts = ", ".join(f"{number} {_verb(v, number)}" for number, v in counted if number)
    text = f"{verdicts or 'nothing was checked'} (profile {run.profile}, seed {run.seed},"
    text += f" {run.seconds:.1f} s)."
    lines = list(paragraph(text[0].upper() + text[1:], width))
    yield from lines
    only = words.partial(run)
    if only is not None:
        yield from paragraph(only, width, style="yellow")
    budget = budget_text(run)
    if budget is not None:
        yield from paragraph(budget, width, style="dim")
    if any(s.verdict == "violates" for s in run.subjects):
        text = "`tnverify explain LAW` tells more about a law, --verbose more of each layer."
        yield from paragraph(text, width, style="dim")


def _verb(verdict: Verdict, number: int) -> str:
    several = {"conforms": "conform", "violates": "violate"}
    if verdict in several:
        return several[verdict] if number != 1 else verdict
    return verdict if number else ""


def print_identity(subject: SubjectReport, on: Console) -> None:
    """What `tnverify identify` shows: whom a layer's outputs read and the scheme that fits."""
    show(identify_lines(subject, on.width), on)


def identify_lines(subject: SubjectReport, width: int) -> Iterator[Text]:
    """The lines of `print_identity`."""
    if subject.verdict == "unusable":
        yield from heading_lines(subject, width)
        return
    yield from naming_lines(subject, width)
    yield from identity_lines(subject, width)
