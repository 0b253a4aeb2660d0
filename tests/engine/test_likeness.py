"""Weigh the failure of a law by the planted faults that the law catches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tnverify.engine import likeness

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMULA = "outputs_agree_with_the_formula"
LIMIT = "extreme_scale_and_offset_saturate_without_nan"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    likeness._caught.cache_clear()
    yield
    likeness._caught.cache_clear()


def test_what_a_law_was_measured_to_catch_goes_before_what_it_is_declared_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(likeness, "measured", lambda _: None)
    assert likeness.breadth(LIMIT) < likeness.breadth(FORMULA)
    likeness._caught.cache_clear()
    kept = SimpleNamespace(kills={"One": (FORMULA, LIMIT), "Two": (LIMIT,), "Three": (LIMIT,)})
    monkeypatch.setattr(likeness, "measured", lambda _: kept)
    assert (likeness.breadth(LIMIT), likeness.breadth(FORMULA)) == (3, 1)
