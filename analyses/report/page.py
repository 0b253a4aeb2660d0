"""A content as one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tnverify.analyses.figures.looks import variables
from tnverify.analyses.report.content import Sheet, Table
from tnverify.report.page import Page

if TYPE_CHECKING:
    from tnverify.analyses.report.content import Content, Part

_PAGE = Page("tnverify.analyses.report", "page.html.j2", "page.css")


@dataclass(frozen=True, slots=True)
class Heading:
    """What a page says of itself: `facts` at its top, `warnings` below, `meta` at its end, with
    the `command` that made it."""

    title: str
    question: str
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    command: str
    meta: tuple[tuple[str, str], ...]


def html(content: Content, heading: Heading) -> str:
    """The page. All words are escaped; only figures and the style sheet go in as they are."""
    sections = [
        {
            "title": section.title,
            "lead": section.lead,
            "parts": _beside([(type(part).__name__, _shown(part)) for part in section.parts]),
        }
        for section in content.sections
    ]
    values = {
        "sections": sections,
        "statements": content.statements,
        "methods": content.methods,
        **{name: getattr(heading, name) for name in Heading.__slots__},
    }
    return _PAGE.html(variables(), values, {})


def _beside(parts: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The parts, with a lone picture and the table after it as one, to stand side by side."""
    made: list[tuple[str, Any]] = []
    for kind, part in parts:
        alone = made and made[-1][0] == "Gallery" and len(made[-1][1].pictures) == 1
        if kind == "Table" and alone:
            made[-1] = ("Pair", {"picture": made[-1][1].pictures[0], "table": part})
        else:
            made.append((kind, part))
    return made


def _shown(part: Part) -> Any:
    """A part with what the template needs beside its fields."""
    if isinstance(part, Sheet):
        return asdict(part) | {"encoded": base64.b64encode(part.png).decode()}
    if isinstance(part, Table):
        marks = any(getattr(c, "tone", "") == "best" for row in part.rows for c in row)
        fields = {name: getattr(part, name) for name in Table.__slots__}
        return fields | {"marks": marks}
    return part
