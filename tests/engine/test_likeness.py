"""Weigh the failure of a law by the planted faults that the law catches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

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


def failing(*names: str) -> list[Any]:
    return [
        SimpleNamespace(law=SimpleNamespace(name=name), is_shown=True, cause=None) for name in names
    ]


BETWEEN = "the_pooled_variance_carries_the_between_mean_term"
REPTILE = "tasknorm_i_at_n_over_n_plus_one_is_reptile_normalisation"


def test_a_fault_that_answers_alike_counts_where_its_laws_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(likeness, "measured", lambda _: None)
    alike = ("AveragedVariances",)
    verdicts = failing(REPTILE, LIMIT, BETWEEN)
    assert likeness.like_faults(verdicts, "tasknorm_i", "quick", alike) == alike
    assert likeness.like_faults(verdicts, None, "quick", alike) == ()
    assert likeness.like_faults(failing(LIMIT), "tasknorm_i", "quick", alike) == ()
    assert likeness.kills_of(alike) == (BETWEEN, REPTILE)
