"""Boundaries in words: what matters a line each, what does not in one."""

from __future__ import annotations

from tnverify.engine.results import Boundary
from tnverify.report.boundaries import is_alike, sentence, sentences

SIZES = (1, 2, 3, 4, 5, 6, 8, 12)


def test_dimensions_that_do_not_matter_share_a_line() -> None:
    found = (
        Boundary("context", SIZES[3:], SIZES[:3]),
        Boundary("targets", SIZES),
        Boundary("height", SIZES),
        Boundary("width", SIZES),
    )
    assert sentences(found) == [
        "fails for 4 or more context items, passes for 1 to 3",
        "fails for every number of targets, rows and columns that was tried",
    ]


def test_sizes_are_told_however_they_decide() -> None:
    found = (
        Boundary("channels", (1, 2, 3, 5, 6, 7), (4, 8)),
        Boundary("height", (), SIZES),
        Boundary("targets", (1, 2, 1025)),
    )
    assert sentences(found) == [
        "fails unless the number of channels is a multiple of 4",
        "fails for every number of targets that was tried",
    ]
    assert sentence(found[1]) == "passes for 1 to 12 rows"


def test_what_is_never_decided_is_not_alike() -> None:
    open_ = Boundary("context", (), (), SIZES)
    assert not is_alike(open_)
    assert sentence(open_) == "cannot be decided for 1 or more context items"
