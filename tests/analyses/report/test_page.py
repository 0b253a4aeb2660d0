"""The page: words are escaped, nothing is loaded, colours can be told apart."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tnverify.analyses.figures import intervals
from tnverify.analyses.figures.looks import FORMS, LOOKS, OUTCOMES, variables
from tnverify.analyses.report import (
    Cell,
    Content,
    Gallery,
    Heading,
    Note,
    Section,
    Statement,
    Table,
    html,
)

if TYPE_CHECKING:
    from tnverify.analyses.figures import Picture

EVIL = "<script>alert('x')</script>"


def heading(**changed: object) -> Heading:
    usual: dict[str, object] = {
        "title": "Title", "question": "Question?", "facts": (("runs", "3"),), "warnings": (),
        "command": "tnverify analyse accuracy", "meta": (("torch", "2"),),
    }  # fmt: skip
    return Heading(**(usual | changed))  # type: ignore[arg-type]  # names and types are above


def picture(name: str = "one") -> Picture:
    rows = pd.DataFrame(
        {
            "scheme": ["tasknorm_i", "transductive_bn"], "mean": [60.0, 62.0], "way": 5,
            "low": [55.0, 58.0], "high": [65.0, 66.0], "tasks_low": [58.0, 60.0],
            "tasks_high": [62.0, 64.0], "seeds": 2, "test_tasks": 100,
            "seed_means": [[59.0, 61.0], [61.0, 63.0]],
        }
    )  # fmt: skip
    return intervals.accuracies(rows, "Title", name)


def full() -> Content:
    table = Table("Table", ("scheme", "x-y"), (("one", Cell(EVIL, EVIL, "best")),), EVIL, ("none",))
    parts = (table, Gallery((picture("one"), picture("two"))), Note(EVIL))
    return Content((Statement(EVIL, EVIL),), (Section(EVIL, parts, EVIL),), (EVIL,))


def test_no_word_becomes_markup() -> None:
    page = html(full(), heading(title=EVIL, question=EVIL, command=EVIL, warnings=(EVIL,)))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 12


def test_nothing_is_loaded_from_anywhere() -> None:
    page = html(full(), heading())
    addresses = set(re.findall(r"\b(?:https?:)?//[^\s\"'<>)]+", page))
    assert {a for a in addresses if "www.w3.org" not in a} == set()
    assert "default-src 'none'" in page


def test_two_figures_share_no_name_within_them() -> None:
    page = html(full(), heading())
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    for used in re.findall(r"url\(#([^)]+)\)|xlink:href=\"#([^\"]+)\"", page):
        assert (used[0] or used[1]) in names


def test_figures_on_a_page_have_its_colours_and_files_have_their_own() -> None:
    drawn = picture()
    blue = LOOKS["tasknorm_i"].colour
    assert blue in drawn.svg
    assert blue not in drawn.inline()
    assert "var(--tasknorm-i)" in drawn.inline()
    assert 'role="img"' in drawn.inline()
    assert "TaskNorm-I" in drawn.inline()  # letters are letters, not outlines


@pytest.mark.parametrize("dark", [False, True])
def test_every_colour_stands_out_from_its_paper(dark: bool) -> None:
    """3 to 1, which WCAG 2.1 asks of graphics; 4.5 to 1 for words."""
    colours = {name: (d if dark else light) for name, light, d in variables()}
    paper = colours["--paper"]
    for name, colour in colours.items():
        if name in ("--paper", "--grid"):
            continue
        least = 4.5 if name in ("--ink", "--muted") or "outcome" in name else 3.0
        assert contrast(colour, paper) >= least, f"{name} {colour}: {contrast(colour, paper):.2f}"


def test_schemes_differ_by_more_than_their_colour() -> None:
    for looks in (LOOKS, FORMS, OUTCOMES):
        for (one, a), (other, b) in combinations(looks.items(), 2):
            assert a.marker != b.marker, f"{one} and {other}"
            assert a.colour != b.colour, f"{one} and {other}"


def contrast(one: str, other: str) -> float:
    """WCAG's contrast of two colours, 1 to 21."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
