"""What became of counterexamples that were asked again, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tnverify.report import words
from tnverify.report.layout import clipped, paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.engine.replay import Now, Replayed

_SAID: dict[Now, tuple[str, str]] = {
    "still_fails": ("still fails", "red"),
    "cannot_be_built": ("cannot be built", "magenta"),
    "undecided": ("says nothing now", "yellow"),
    "fixed": ("fixed", "green"),
}


def replay_lines(found: Sequence[Replayed], width: int) -> Iterator[Text]:
    """A line a law, by subject; then how many ended how."""
    for spec in dict.fromkeys(each.subject for each in found):
        yield Text(spec, style="bold")
        for each in found:
            if each.subject == spec:
                yield from _line(each, width, whole=len(found) == 1)
        yield Text("")
    counted = [
        f"{sum(each.now == now for each in found)} {said.replace('fails', 'failing')}"
        for now, (said, _) in _SAID.items()
        if any(each.now == now for each in found)
    ]
    asked = words.count(len(found), "counterexample")
    yield from paragraph(f"{asked}: {words.joined(counted)}.", width)


def _line(each: Replayed, width: int, *, whole: bool) -> Iterator[Text]:
    said, style = _SAID[each.now]
    should = " (should-level)" if each.verdict.law.level == "should" else ""
    yield Text(f"  {said:<17}", style=style).append(f"{each.verdict.law.name}{should}", "not dim")
    if each.why:
        why = each.why if whole else clipped(each.why, min(width, 100) - 19)
        yield from paragraph(why, width, indent=19, style="dim")
