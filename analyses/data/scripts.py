"""Which characters are drawn: scripts and blocks of symbols, each in one split as a whole.

Scripts that share letter shapes (Latin, Greek, Cyrillic, Coptic, Old Italic, Lisu) are all in
meta-train. Digits are left out, so that handwritten digits are classes never seen.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_UNDRAWN = frozenset(("Mn", "Mc", "Me", "Cc", "Cf", "Cn", "Co", "Cs", "Zs", "Zl", "Zp"))
"""Marks that need a letter, controls, spaces, and code points that nobody has assigned."""
_COPIES = frozenset(("Lm", "Sk", "Nd"))
"""Small raised copies of letters, free-standing accents, and digits."""


@dataclass(frozen=True)
class Script:
    """A script or block of symbols: its split and its ranges of code points, ends included."""

    name: str
    split: str
    ranges: tuple[tuple[int, int], ...]


SCRIPTS: tuple[Script, ...] = (
    Script(
        "Latin",
        "train",
        (
            (0x41, 0x5A),
            (0x61, 0x7A),
            (0xC0, 0x2AF),
            (0x1D00, 0x1DBF),
            (0x1E00, 0x1EFF),
            (0x2C60, 0x2C7F),
            (0xA720, 0xA7FF),
        ),
    ),
    Script("Greek", "train", ((0x370, 0x3E1), (0x3F0, 0x3FF))),
    Script("Coptic", "train", ((0x3E2, 0x3EF),)),
    Script("Cyrillic", "train", ((0x400, 0x52F), (0xA640, 0xA69F))),
    Script("Armenian", "train", ((0x531, 0x587),)),
    Script("Canadian syllabics", "train", ((0x1400, 0x167F),)),
    Script("Lisu", "train", ((0xA4D0, 0xA4FF),)),
    Script("Old Italic", "train", ((0x10300, 0x1032F),)),
    Script(
        "Punctuation and currency",
        "train",
        (
            (0x21, 0x2F),
            (0x3A, 0x40),
            (0x5B, 0x60),
            (0x7B, 0x7E),
            (0xA1, 0xBF),
            (0x2010, 0x205E),
            (0x20A0, 0x20CF),
            (0x2E00, 0x2E7F),
        ),
    ),
    Script("Operators", "train", ((0x2200, 0x22FF), (0x27C0, 0x27EF), (0x2980, 0x2AFF))),
    Script("Arrows", "train", ((0x2190, 0x21FF), (0x27F0, 0x27FF), (0x2900, 0x297F))),
    Script("Technical", "train", ((0x2100, 0x218F), (0x2300, 0x23FF))),
    Script("Box drawing", "train", ((0x2500, 0x257F),)),
    Script("Georgian", "validation", ((0x10A0, 0x10FF), (0x2D00, 0x2D2F))),
    Script("Lao", "validation", ((0xE81, 0xEDF),)),
    Script("Geometric shapes", "validation", ((0x2580, 0x25FF), (0x2B00, 0x2BFF))),
    Script("Tai Xuan Jing", "validation", ((0x1D300, 0x1D35F),)),
    Script("Arabic", "test", ((0x606, 0x6FF), (0x750, 0x77F))),
    Script("Hebrew", "test", ((0x5D0, 0x5EA),)),
    Script("N'Ko", "test", ((0x7C0, 0x7FF),)),
    Script("Tifinagh", "test", ((0x2D30, 0x2D7F),)),
    Script("Ogham", "test", ((0x1681, 0x169C),)),
    Script("Miscellaneous symbols", "test", ((0x2600, 0x26FF),)),
    Script("Dingbats", "test", ((0x2701, 0x27BF),)),
    Script("Emoticons", "test", ((0x1F600, 0x1F64F),)),
)
"""Twenty-five of them: thirteen to train on, four to validate on, eight to test on."""


def characters(script: Script) -> tuple[str, ...]:
    """The characters of a script that stand for themselves, in code point order.

    Left out are composed ones (a letter with its accent is the letter with an accent), marks,
    small raised copies and digits. Whether a font has them is another question.
    """
    return tuple(
        chr(code)
        for first, last in script.ranges
        for code in range(first, last + 1)
        if _stands_for_itself(chr(code))
    )


def _stands_for_itself(character: str) -> bool:
    category = unicodedata.category(character)
    if category in _UNDRAWN or category in _COPIES:
        return False
    return not unicodedata.decomposition(character)
