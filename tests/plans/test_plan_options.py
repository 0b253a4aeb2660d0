"""The limits that a caller may set, and those that no plan satisfies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis.errors import InvalidArgument

from tnverify.plans.options import KINDS, Options, check, limited

FREE = Options((1, None), (0, None), (1, None), (1, None), rank=2, step=1, allow_past=False)


@pytest.mark.parametrize(
    ("least", "most", "range_"),
    [
        (0, None, (2, 6)),
        (2, 6, (2, 6)),
        (3, None, (3, 6)),
        (6, None, (6, 6)),
        (9, None, (9, 9)),
        (0, 5, (2, 5)),
        (0, 2, (2, 2)),
        (0, 1, (1, 1)),
        (3, 5, (3, 5)),
        (3, 3, (3, 3)),
        (8, 9, (8, 8)),
        (0, 0, (0, 0)),
    ],
)
def test_the_ends_of_the_usual_range_are_moved_into_the_limits(
    least: int, most: int | None, range_: tuple[int, int]
) -> None:
    assert limited((2, 6), least, most) == range_


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rank": 0},
        {"rank": 3},
        {"step": 1000},
        {"context": (1, 1)},
        {"targets": (0, 0)},
        {"channels": (1, 1)},
        {"side": (1, 1)},
        {"context": (900, 1000)},
        {"channels": (5, 8), "step": 4},
        {"channels": (8, 8), "step": 4},
        {"channels": (1, 4), "step": 4},
        {"channels": (9, None), "step": 4},
    ],
)
def test_what_some_plan_satisfies_is_let_pass(changes: dict[str, Any]) -> None:
    check(FREE._replace(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rank": -1}, "rank=-1: it must be from 0 to 3"),
        ({"rank": 4}, "rank=4: it must be from 0 to 3"),
        ({"rank": "2"}, "rank='2': it must be an int"),
        ({"step": 0}, "step=0: it must be at least 1"),
        ({"step": 2.0}, "step=2.0: it must be an int"),
        ({"context": (0, None)}, "min_context=0: it must be at least 1"),
        ({"context": (1, 0)}, "max_context=0: it must be at least 1"),
        ({"context": (3, 2)}, "min_context=3 exceeds max_context=2"),
        ({"targets": (-1, None)}, "min_targets=-1: it must be at least 0"),
        ({"targets": (0, -1)}, "max_targets=-1: it must be at least 0"),
        ({"targets": (1, 0)}, "min_targets=1 exceeds max_targets=0"),
        ({"channels": (0, None)}, "min_channels=0: it must be at least 1"),
        ({"channels": (1, 0)}, "max_channels=0: it must be at least 1"),
        ({"channels": (3, 2)}, "min_channels=3 exceeds max_channels=2"),
        ({"channels": (1, True)}, "max_channels=True: it must be an int"),
        ({"side": (0, None)}, "min_side=0: it must be at least 1"),
        ({"side": (1, 0)}, "max_side=0: it must be at least 1"),
        ({"side": (None, 2)}, "min_side=None: it must be an int"),
        (
            {"channels": (5, 7), "step": 4},
            "no multiple of step=4 lies between min_channels=5 and max_channels=7",
        ),
        (
            {"channels": (1, 3), "step": 4},
            "no multiple of step=4 lies between min_channels=1 and max_channels=3",
        ),
    ],
)
def test_what_no_plan_satisfies_is_refused_with_the_rule(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgument) as raised:
        check(FREE._replace(**changes))
    assert str(raised.value) == message


def test_every_kind_of_plan_has_ranges_that_are_none_of_them_empty() -> None:
    for variants in KINDS.values():
        for sizes in variants:
            assert all(0 <= low <= high for low, high in sizes)
            assert min(sizes.context[0], sizes.channels[0], sizes.side[0]) >= 1
