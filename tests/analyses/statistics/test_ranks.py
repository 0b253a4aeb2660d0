"""Meta-Dataset's rank rule, by hand; tests of the paper's tables hold it to the printed ranks."""

from __future__ import annotations

import pytest

from tnverify.analyses.statistics import average_ranks, ranks_of, tie_groups


def test_ties_are_with_the_best_that_is_left_and_share_their_ranks() -> None:
    # 90 ties with 89; 88 ties with 89 but not with 90, so it waits; 87 ties with 88.
    means, halves = [88.0, 90.0, 50.0, 89.0, 87.0], [1.0, 1.0, 1.0, 1.0, 1.0]
    assert tie_groups(means, halves) == ((1, 3), (0, 4), (2,))
    assert ranks_of(means, halves).tolist() == [3.5, 1.5, 5.0, 1.5, 3.5]


def test_a_difference_of_just_the_bound_is_a_tie_whatever_rounding_says() -> None:
    # 94.0 - 93.5 is 0.5 in floating point, 64.4 - 63.9 is a bit more; 0.3² + 0.4² = 0.5².
    assert 64.4 - 63.9 > 0.5
    for best, other in ((94.0, 93.5), (64.4, 63.9)):
        assert tie_groups([best, other], [0.3, 0.4]) == ((0, 1),)
        assert tie_groups([best, other - 0.1], [0.3, 0.4]) == ((0,), (1,))


def test_ranks_sum_to_those_of_an_order_without_ties() -> None:
    means = [[1.0, 2.0, 3.0, 4.0], [4.0, 4.0, 4.0, 4.0]]
    ranks = average_ranks(means, [[0.1] * 4] * 2)
    assert ranks.tolist() == [(4 + 2.5) / 2, (3 + 2.5) / 2, (2 + 2.5) / 2, (1 + 2.5) / 2]


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="2 means have 1 half-widths"):
        tie_groups([1.0, 2.0], [0.1])
    with pytest.raises(ValueError, match="shapes must agree"):
        average_ranks([[1.0, 2.0]], [[0.1]])
