"""The parts of a report, before any HTML: plain values, so that programs need not know of pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

    from tnverify.analyses.figures import Picture

Tone = Literal["", "good", "bad", "unsure", "quiet", "best"]


def paragraphs(text: str) -> tuple[str, ...]:
    """The paragraphs of `text`, which blank lines part, each as one line."""
    return tuple(" ".join(each.split()) for each in text.strip().split("\n\n"))


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that was found, in a sentence or two; `figure` is its number, shown large."""

    text: str
    figure: str = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; `sub` stands small beside it, an interval say."""

    text: str
    sub: str = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the first column names the row, the others are numbers unless `words`.

    `swatches` gives each row the colour of a scheme, where rows are schemes.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    note: str = ""
    swatches: tuple[str, ...] = ()
    words: bool = False


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures side by side where there is room."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph; `tone` marks what a reader must not miss."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A picture of data, as PNG."""

    title: str
    caption: str
    png: bytes
    pixelated: bool = True


@dataclass(frozen=True, slots=True)
class FindingShown:
    """One requirement of a claim: what it asks, what was found here, what the paper's own figures
    say, and how it came out here."""

    asks: str
    outcome: str
    here: str
    paper: str
    behind: str = ""


@dataclass(frozen=True, slots=True)
class ClaimShown:
    """A claim as it is shown: its verdict, the effect that is nearest to deciding it, and all
    that it rests on."""

    number: int
    statement: str
    source: str
    condition: str
    outcome: str
    in_part: bool
    effect: str
    paper: str
    caveat: str
    behind: str
    findings: tuple[FindingShown, ...]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Claims, each with its verdict."""

    claims: tuple[ClaimShown, ...]


Part = Table | Gallery | Note | Sheet | Verdicts


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a sentence on what to look for, and what is shown."""

    title: str
    parts: tuple[Part, ...]
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """All that an analysis found: `statements` first, then sections; `frames` become CSV files."""

    statements: tuple[Statement, ...]
    sections: tuple[Section, ...]
    methods: tuple[str, ...] = ()
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    def pictures(self) -> list[Picture]:
        """Every figure, in order."""
        return [
            picture
            for section in self.sections
            for part in section.parts
            if isinstance(part, Gallery)
            for picture in part.pictures
        ]
