"""What audits catch, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from tnverify import __version__
from tnverify.auditing.laws import LAWS
from tnverify.power.audits import Caught, Cleared
from tnverify.report.layout import labelled, paragraph
from tnverify.report.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def audit_lines(found: Sequence[Caught | Cleared], profile: str, width: int) -> Iterator[Text]:
    """How many planted subjects each law found, which were missed, and whom laws blame."""
    planted = [each for each in found if isinstance(each, Caught)]
    sound = [each for each in found if isinstance(each, Cleared)]
    yield Text("Planted learners, predictors and evaluations before the laws", style="bold")
    yield Text(f"  {'law':60}{'planted for it':>15}{'found':>7}", style="dim")
    for law in LAWS:
        named = sum(law.name in each.named for each in planted)
        by = sum(law.name in each.found_by for each in planted)
        yield Text(f"  {law.name:60}{named:>15}{by:>7}")
    yield Text("")
    for missed in planted:
        if not is_caught(missed):
            yield from labelled("missed", f"{missed.name}: {_why(missed)}", width)
    for each in sound:
        for name, reason in each.blamed_by:
            yield from labelled("blamed", f"{each.name}, seed {each.seed}: {name}: {reason}", width)
        for name in each.undecided:
            yield from labelled("undecided", f"{each.name}, seed {each.seed}: {name}", width)
    yield from paragraph(f"{_summary(planted, sound)} (profile {profile}).", width, style="bold")


def _why(found: Caught) -> str:
    return found.unusable or ", ".join(found.missed)


def _summary(planted: Sequence[Caught], sound: Sequence[Cleared]) -> str:
    caught = sum(is_caught(each) for each in planted)
    hard = sum(each.hard for each in planted)
    blamed = sum(len(each.blamed_by) for each in sound)
    held = sum(each.held for each in sound)
    subjects = count(len({each.name for each in sound}), "sound subject")
    return (
        f"{caught} of {len(planted)} planted subjects are found by all that they name, {hard} of"
        f" them hard; {count(blamed, 'false alarm') if blamed else 'no false alarm'} in"
        f" {count(len(sound), 'audit')} of {subjects}, in which laws held {held:,} times"
    )


def is_caught(found: Caught) -> bool:
    """Whether every law that a planted subject names found it."""
    return found.unusable is None and not found.missed


def audit_text(found: Sequence[Caught | Cleared], profile: str) -> str:
    """The same as JSON."""
    content = {
        "tnverify_version": __version__,
        "profile": profile,
        "planted": [asdict(each) for each in found if isinstance(each, Caught)],
        "sound": [asdict(each) for each in found if isinstance(each, Cleared)],
    }
    return json.dumps(content, indent=2) + "\n"
