"""What laws compare with: what they let pass, what they say of it, what they measure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import pytest
import torch

from tnverify.contract import NotClaimed, SaysNothing, Violation
from tnverify.tolerances import (
    Measure,
    expect,
    expect_close,
    expect_finite,
    expect_gradient,
    expect_same,
    measuring,
    not_claimed,
    says_nothing,
    shown,
    violate,
)
from tnverify.tolerances.measure import note

if TYPE_CHECKING:
    from collections.abc import Callable

NAN, INF = math.nan, math.inf


class Said(NamedTuple):
    """All that a violation carries."""

    message: str
    symptom: str
    expected: str | None
    actual: str | None


def said(compare: Callable[[], None]) -> Said:
    with pytest.raises(Violation) as raised:
        compare()
    violation = raised.value
    return Said(str(violation), violation.symptom, violation.expected, violation.actual)


def measured(compare: Callable[[], None]) -> Measure:
    with measuring() as measure:
        compare()
    return measure


def test_a_law_that_says_nothing_or_is_not_claimed_gives_its_reason() -> None:
    with pytest.raises(SaysNothing, match=r"^one item has no deviation$"):
        says_nothing("one item has no deviation")
    with pytest.raises(NotClaimed, match=r"^the layer has no weight$"):
        not_claimed("the layer has no weight")


def test_a_violation_is_of_a_value_unless_said_otherwise() -> None:
    assert said(lambda: violate("off")) == ("off", "value", None, None)
    told = said(lambda: violate("off", symptom="state", expected="one", actual="two"))
    assert told == ("off", "state", "one", "two")


def test_a_condition_that_holds_passes_and_one_that_does_not_is_a_violation() -> None:
    expect(True, "never said")
    assert said(lambda: expect(False, "moved")) == ("moved", "value", None, None)
    assert said(lambda: expect(False, "read", symptom="flow")).symptom == "flow"


def test_six_values_are_shown_and_the_number_of_all() -> None:
    assert shown(torch.tensor([])) == "[]"
    assert shown(torch.tensor([0.0, 1.5, NAN])) == "[0, 1.5, nan]"
    assert shown(torch.arange(6.0).view(2, 3)) == "[0, 1, 2, 3, 4, 5]"
    assert shown(torch.arange(7.0)) == "[0, 1, 2, 3, 4, 5, ... 7 in all]"
    assert shown(torch.tensor([1 / 3], requires_grad=True)) == "[0.333333]"


def test_finite_values_pass_and_none_are_finite() -> None:
    expect_finite(torch.tensor([1.0, -1e38]), "outputs")
    expect_finite(torch.empty(0, 3), "outputs")


@pytest.mark.parametrize("poison", [NAN, INF, -INF])
def test_how_many_values_are_not_finite_and_where_the_first_is(poison: float) -> None:
    values = torch.zeros(2, 3, 2)
    values[0, 2, 1] = poison
    assert said(lambda: expect_finite(values, "outputs")) == (
        "outputs: 1 of 12 values are not finite, first at [0, 2, 1]",
        "not_finite",
        "finite values",
        f"[0, 0, 0, 0, 0, {poison}, ... 12 in all]",
    )
    values[1, 0, 0] = NAN
    assert said(lambda: expect_finite(values, "outputs")).message == (
        "outputs: 2 of 12 values are not finite, first at [0, 2, 1]"
    )


def same(actual: torch.Tensor, expected: torch.Tensor) -> None:
    expect_same(actual, expected, "outputs")


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    expect_close(actual, expected, 1.0, "outputs")


@pytest.mark.parametrize("compare", [same, close])
def test_shapes_must_agree_even_where_they_broadcast(
    compare: Callable[[torch.Tensor, torch.Tensor], None],
) -> None:
    assert said(lambda: compare(torch.zeros(1, 3), torch.zeros(2, 3))) == (
        "outputs: shape (1, 3) where (2, 3) was expected",
        "form",
        "(2, 3)",
        "(1, 3)",
    )


@pytest.mark.parametrize(
    "values", [[1.0, 2.0], [1.0, NAN], [INF, -INF], []], ids=["finite", "nan", "infinite", "none"]
)
def test_the_same_values_are_the_same_wherever_they_are_nan(values: list[float]) -> None:
    ours, theirs = torch.tensor(values), torch.tensor(values)
    assert measured(lambda: same(ours, theirs)) == Measure(margin=0.0, exact=True)


def test_the_next_number_is_not_the_same() -> None:
    expected = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    actual = expected.clone()
    actual[1, 0] = 3.0000002384185791015625
    assert said(lambda: same(actual, expected)) == (
        "outputs: 1 of 4 values differ, first at [1, 0]: 3.000000238418579 where 3.0 was expected",
        "value",
        "[1, 2, 3, 4]",
        "[1, 2, 3.0000002, 4]",
    )
    actual[1, 1] = 0.0
    assert said(lambda: same(actual, expected)).message == (
        "outputs: 2 of 4 values differ, first at [1, 0]: 3.000000238418579 where 3.0 was expected"
    )


def test_nan_in_place_of_a_number_is_not_finite_unless_the_law_has_a_word_for_it() -> None:
    ours, theirs = torch.tensor([1.0, NAN]), torch.tensor([1.0, 2.0])
    assert said(lambda: same(ours, theirs)) == (
        "outputs: 1 of 2 values differ, first at [1]: nan where 2.0 was expected",
        "not_finite",
        "[1, 2]",
        "[1, nan]",
    )
    told = said(lambda: expect_same(ours, theirs, "outputs", symptom="flow"))
    assert told.symptom == "flow"
    # A number in place of NaN is a value that differs, as is any other.
    assert said(lambda: same(theirs, ours)).symptom == "value"
    assert said(lambda: same(theirs, ours)).message.endswith("[1]: 2.0 where nan was expected")


def test_what_differs_keeps_the_laws_word_for_it() -> None:
    ours, theirs = torch.tensor([1.0]), torch.tensor([2.0])
    assert said(lambda: expect_same(ours, theirs, "state", symptom="state")).symptom == "state"


def test_an_error_is_within_its_bound_up_to_the_bound_itself() -> None:
    expected = torch.tensor([1.0, 2.0])
    assert measured(lambda: expect_close(expected + 0.5, expected, 0.5, "outputs")) == Measure(
        margin=1.0, exact=False
    )
    assert measured(lambda: expect_close(expected - 0.25, expected, 1.0, "outputs")) == Measure(
        margin=0.25, exact=False
    )
    told = said(lambda: expect_close(expected - 0.75, expected, 0.5, "outputs"))
    assert told == (
        ("outputs: at [0] 0.25 where 1 was expected; off by 0.75, rounding explains 0.5"),
        "value",
        "[1, 2]",
        "[0.25, 1.25]",
    )


def test_the_worst_share_of_its_own_bound_is_what_is_told_and_measured() -> None:
    expected = torch.zeros(2, 2)
    actual = torch.tensor([[4.0, 0.25], [3.0, 0.5]])
    bound = torch.tensor([[8.0, 0.125], [4.0, 0.125]])
    with measuring() as measure:
        told = said(lambda: expect_close(actual, expected, bound, "outputs", symptom="gradient"))
    assert told.message == (
        "outputs: at [1, 1] 0.5 where 0 was expected; off by 0.5, rounding explains 0.125"
    )
    assert told.symptom == "gradient"
    assert measure == Measure(margin=4.0, exact=False)


def test_bounds_broadcast_over_what_they_bound() -> None:
    expected = torch.zeros(2, 3)
    per_channel = torch.tensor([[1.0, 2.0, 4.0]])
    expect_close(expected + per_channel, expected, per_channel, "outputs")
    with pytest.raises(Violation, match=r"at \[0, 0\]"):
        expect_close(expected + per_channel * 2, expected, per_channel, "outputs")


def test_a_bound_of_zero_lets_equal_values_pass_and_no_others() -> None:
    values = torch.tensor([1.0, 2.0])
    bound = torch.tensor([0.0, 1.0])
    assert measured(lambda: expect_close(values, values.clone(), bound, "outputs")) == Measure(
        margin=0.0, exact=True
    )
    half_off = torch.tensor([1.0, 2.5])
    assert measured(lambda: expect_close(half_off, values, bound, "outputs")) == Measure(
        margin=0.5, exact=False
    )
    full_off = torch.tensor([1.0, 3.0])
    assert measured(lambda: expect_close(full_off, values, bound, "outputs")) == Measure(
        margin=1.0, exact=False
    )
    told = said(lambda: expect_close(values + 1e-6, values, bound, "outputs"))
    assert told.message.startswith("outputs: at [0] ")
    assert told.message.endswith("rounding explains 0")


@pytest.mark.parametrize("bound", [1.0, torch.tensor([0.0, 1.0])], ids=["one", "some zero"])
def test_equal_values_of_another_dtype_are_not_held_bit_for_bit(bound: torch.Tensor) -> None:
    values = torch.tensor([1.0, 2.0])
    assert measured(lambda: expect_close(values, values, bound, "outputs")).exact
    wide = measured(lambda: expect_close(values, values.double(), bound, "outputs"))
    assert wide == Measure(margin=0.0, exact=False)


def test_the_difference_is_taken_in_float64() -> None:
    actual = torch.tensor([2048.0], dtype=torch.float16)
    expected = torch.tensor([2048.0 + 2.0**-20], dtype=torch.float64)
    told = said(lambda: expect_close(actual, expected, 2.0**-21, "outputs"))
    assert told.message == (
        "outputs: at [0] 2048 where 2048.000001 was expected; off by 9.54e-07, rounding explains"
        " 4.77e-07"
    )
    expect_close(actual, expected, 2.0**-20, "outputs")


@pytest.mark.parametrize("position", [0, 5, 6, 11])
def test_a_difference_is_seen_in_both_renderings_wherever_it_is(position: int) -> None:
    expected = torch.ones(12, dtype=torch.float64)
    actual = expected.clone()
    actual[position] += 2.0**-52
    for compare in (same, lambda a, b: expect_close(a, b, 2.0**-53, "outputs")):
        told = said(lambda compare=compare: compare(actual, expected))  # type: ignore[misc]  # bound
        assert told.expected != told.actual
        assert "1.0000000000000002" in str(told.actual)
        assert "1.0000000000000002 where 1" in told.message


def test_derivatives_that_differ_are_not_shown_alike() -> None:
    told = said(lambda: expect_gradient(1.0 + 2.0**-40, 1.0, 2.0**-41, "the slope"))
    assert (told.expected, told.actual) == ("1", "1.000000000001")


def test_the_bound_is_taken_in_float64_too() -> None:
    zero = torch.zeros(1, dtype=torch.float64)
    assert measured(lambda: expect_close(zero + 2.0**-201, zero, 2.0**-200, "outputs")) == Measure(
        margin=0.5, exact=False
    )
    # In float32 a tenth is more than a tenth.
    assert said(lambda: expect_close(zero + (0.1 + 1e-10), zero, 0.1, "outputs"))


def test_values_are_compared_where_they_lie_whatever_the_default_device() -> None:
    zero = torch.zeros(2)
    with torch.device("meta"):
        assert measured(lambda: expect_close(zero + 0.25, zero, 0.5, "outputs")).margin == 0.5


@pytest.mark.parametrize("bound", [torch.tensor(INF), torch.tensor([0.0, INF])], ids=["all", "one"])
def test_an_error_that_any_bound_covers_is_still_an_error(bound: torch.Tensor) -> None:
    values = torch.tensor([1.0, 2.0])
    off = torch.tensor([1.0, 2.5])
    assert measured(lambda: expect_close(off, values, bound, "outputs")) == Measure(
        margin=0.0, exact=False
    )
    assert measured(lambda: expect_close(values, values.clone(), bound, "outputs")).exact


@pytest.mark.parametrize("poison", [NAN, INF, -INF])
@pytest.mark.parametrize("bound", [1.0, 1e300, INF])
def test_what_is_not_finite_has_failed_whatever_the_bound(poison: float, bound: float) -> None:
    good, bad = torch.tensor([1.0, 2.0]), torch.tensor([1.0, poison])
    told = said(lambda: expect_close(bad, good, bound, "outputs"))
    assert told.message == "outputs: 1 of 2 values are not finite, first at [1]"
    assert (told.symptom, told.expected) == ("not_finite", "finite values")
    told = said(lambda: expect_close(good, bad, bound, "outputs"))
    assert told.message == (
        "outputs (the other side of the comparison): 1 of 2 values are not finite, first at [1]"
    )
    # Even where both sides agree about it.
    assert said(lambda: expect_close(bad, bad, bound, "outputs")).symptom == "not_finite"


def test_a_bound_that_is_no_number_bounds_nothing() -> None:
    values = torch.tensor([1.0, 2.0, 3.0])
    bound = torch.tensor([1.0, NAN, 1e-9])
    told = said(lambda: expect_close(values + 0.5, values, bound, "outputs"))
    assert told.message.startswith("outputs: at [1] 2.5 where 2 was expected")
    assert told.message.endswith("rounding explains nan")


def test_no_values_are_within_any_bound_and_measure_nothing() -> None:
    empty = torch.empty(0, 3)
    assert measured(lambda: close(empty, empty)) == Measure(margin=None, exact=True)
    # Their shape is still compared.
    assert said(lambda: close(empty, torch.empty(0, 2))).symptom == "form"


def gradient(actual: float, expected: float, bound: float) -> None:
    expect_gradient(actual, expected, bound, "d output / d weight")


def test_a_derivative_is_within_its_bound_up_to_the_bound_itself() -> None:
    assert measured(lambda: gradient(3.0, 2.0, 1.0)) == Measure(margin=1.0, exact=False)
    assert measured(lambda: gradient(-2.25, -2.0, 0.5)) == Measure(margin=0.5, exact=False)
    assert measured(lambda: gradient(2.0, 2.0, 0.5)) == Measure(margin=0.0, exact=True)
    # A derivative within its bound by nothing is exact, whatever the bound.
    assert measured(lambda: gradient(0.0, 0.0, 0.0)) == Measure(margin=0.0, exact=True)


def test_a_derivative_beyond_its_bound_is_a_violation_with_the_three_numbers() -> None:
    assert said(lambda: gradient(-3.0, 1.23456789, 0.25)) == (
        "d output / d weight: -3 where 1.23456789 was expected (within 0.25)",
        "gradient",
        "1.23456789",
        "-3",
    )
    # Half as far again as the bound is too far.
    assert said(lambda: gradient(3.5, 2.0, 1.0)).actual == "3.5"


@pytest.mark.parametrize("bound", [0.0, -1.0, NAN])
def test_no_error_is_within_a_bound_that_is_not_positive(bound: float) -> None:
    assert said(lambda: gradient(2.5, 2.0, bound)).symptom == "gradient"


@pytest.mark.parametrize(
    ("actual", "expected", "bound"),
    [(NAN, 2.0, 1e300), (2.0, NAN, 1e300), (NAN, NAN, 1.0), (INF, 2.0, 1e300), (INF, INF, 1.0)],
)
def test_a_derivative_that_is_not_finite_has_failed(
    actual: float, expected: float, bound: float
) -> None:
    assert said(lambda: gradient(actual, expected, bound)).symptom == "gradient"


def test_the_worst_of_several_comparisons_is_the_margin() -> None:
    def three() -> None:
        gradient(2.5, 2.0, 1.0)
        gradient(2.75, 2.0, 1.0)
        gradient(2.0, 2.0, 1.0)

    assert measured(three) == Measure(margin=0.75, exact=False)


def test_nothing_is_measured_outside_and_the_inner_measure_is_its_own() -> None:
    note(3.0, exact=False)
    with measuring() as outer:
        note(0.25, exact=True)
        with measuring() as inner:
            note(0.5, exact=False)
        note(0.125, exact=True)
    note(9.0, exact=False)
    assert outer == Measure(margin=0.25, exact=True)
    assert inner == Measure(margin=0.5, exact=False)


def test_a_measure_ends_even_where_the_comparison_fails() -> None:
    with measuring() as outer:
        with pytest.raises(Violation), measuring():
            expect(False, "no")
        note(0.5, exact=True)
    assert outer.margin == 0.5
