"""Lists of named things, and one law explained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tnverify.catalogue import Law
from tnverify.report.layout import labelled, paragraph
from tnverify.report.words import joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tnverify.catalogue import LawFacts
    from tnverify.faults import Fault


def title(name: str, what: str = "", *, indent: int = 0) -> Iterator[Text]:
    """The heading of a list."""
    yield Text(" " * indent).append(name, style="bold").append(f": {what}" if what else "")


def entry(name: str, what: str, width: int, *, indent: int = 2) -> Iterator[Text]:
    """A name on a line of its own, so that it can be copied, and what it is below."""
    yield Text(" " * indent).append(name, style="cyan")
    yield from paragraph(what, width, indent=indent + 4)


def law_lines(
    law: LawFacts, faults: Sequence[Fault], width: int, alone: Sequence[str] = ()
) -> Iterator[Text]:
    """A law explained: its statement and declaration, and known-bad layers that it catches;
    `alone` names those that no other law does."""
    yield Text(law.name, style="bold cyan")
    statement, _, rest = law.doc.partition("\n")
    yield from paragraph(statement, width, indent=2, style="bold")
    if rest.strip():
        yield Text("")
        for part in rest.strip().split("\n\n"):
            yield from paragraph(" ".join(part.split()), width, indent=2)
    yield Text("")
    what = "layer" if isinstance(law, Law) else "subject"
    must = f"a {what} that fails it violates its claims"
    should = "it is shown, but does not decide the verdict"
    exact, rounded = "equal bit for bit", "equal within a derived rounding bound"
    if law.why:
        yield from labelled("why", law.why, width)
    if law.remedy:
        yield from labelled("change", law.remedy, width)
    yield from labelled("family", law.family, width)
    yield from labelled("level", f"{law.level}: {must if law.level == 'must' else should}", width)
    yield from labelled("kind", f"{law.kind}: {exact if law.kind == 'exact' else rounded}", width)
    yield from labelled("source", law.source, width)
    if isinstance(law, Law) and law.needs:
        yield from labelled("needs", f"a handle on {joined(law.needs)}", width)
    if isinstance(law, Law) and law.thorough_only:
        yield from labelled("profile", "checked in the profile thorough alone", width)
    for position, fault in enumerate(faults):
        label = "catches" if position == 0 else ""
        yield from labelled(label, f"{fault.name}: {' '.join(fault.story.split())}", width)
    if alone:
        yield from labelled("alone", f"no other law catches {joined(alone)}", width)
