"""Show what laws cost: the seconds of each over all layers of a run, the slowest first."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rich.text import Text

from tnverify.report import words
from tnverify.report.layout import paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tnverify.engine.results import LawVerdict, RunReport


def duration_lines(run: RunReport, most: int, width: int) -> Iterator[Text]:
    """Yield the `most` laws that took longest, all where it is 0, and what all took together."""
    asked: dict[str, list[LawVerdict]] = defaultdict(list)
    for subject in run.subjects:
        for verdict in subject.laws:
            if verdict.seconds:
                asked[verdict.law.name].append(verdict)
    if not asked:
        return
    total = {name: sum(each.seconds for each in seen) for name, seen in asked.items()}
    slowest = sorted(total, key=lambda name: (-total[name], name))
    yield Text("")
    yield Text("Seconds by the clock, tasks that counted, law", style="bold")
    for name in slowest[: most or None]:
        tasks = sum(each.examples for each in asked[name])
        yield Text(f"{total[name]:10.2f}  {tasks:5d}  {name}")
    formulas = sum(each.formula_seconds for seen in asked.values() for each in seen)
    yield from paragraph(
        f"{words.count(len(asked), 'law', 'laws')} took {sum(total.values()):.2f} s, of which"
        f" {formulas:.2f} s went to formulas in float64. Making counterexamples small is not"
        " counted.",
        width,
    )
