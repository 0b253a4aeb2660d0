"""Lines of text that fit a width: words are never broken, so that paths can be copied."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

LABEL_WIDTH = 12
"""Columns that a label and the space after it take."""

MOST_COLUMNS = 100
"""Prose is not set wider than this, however wide the terminal."""


_HARMFUL = {
    **{code: chr(0x2400 + code) for code in range(32) if code not in (9, 10)},
    **dict.fromkeys((127, *range(0x80, 0xA0)), "\ufffd"),
    **dict.fromkeys((0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd"),
}
"""Characters that tell a terminal to do something, or turn text around, and what stands for each:
pictures of controls where there are such."""


def printable(text: str) -> str:
    """The text, as many characters long, without any that a terminal obeys."""
    return text.translate(_HARMFUL)


def wrapped(text: str, width: int, *, indent: int = 0, hanging: int | None = None) -> list[str]:
    """`text` in lines of at most `width` columns, unless one word is longer.

    Lines begin with `indent` spaces, those after the first with `hanging` (`indent` if None).
    Line breaks that the text has are kept.
    """
    later = " " * (indent if hanging is None else hanging)
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        lines += textwrap.wrap(
            paragraph,
            min(width, MOST_COLUMNS),
            initial_indent=" " * indent if not lines else later,
            subsequent_indent=later,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return lines


def paragraph(text: str, width: int, *, indent: int = 0, style: str = "") -> Iterator[Text]:
    """`text` as lines of one style."""
    for line in wrapped(text, width, indent=indent):
        yield Text(line, style=style)


def labelled(
    label: str, value: str, width: int, *, indent: int = 2, style: str = ""
) -> Iterator[Text]:
    """A label in the margin, and its value in lines beside it; below it where the label is long."""
    start = indent + LABEL_WIDTH
    if len(label) >= LABEL_WIDTH:
        yield Text(" " * indent + label, style="dim")
        label = ""
    for number, line in enumerate(wrapped(value, width, indent=start)):
        margin = " " * indent + (label if number == 0 else "").ljust(LABEL_WIDTH)
        yield Text(margin, style="dim").append(line[start:], style=style or "not dim")


def clipped(text: str, width: int) -> str:
    """The first line of `text`, cut to `width` columns at the end of a word."""
    first = text.strip().splitlines()[0] if text.strip() else ""
    return textwrap.shorten(first, max(width, 1), placeholder=" ...")
