"""Paired comparisons: against scipy and statsmodels, and where rounding would mislead them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from tnverify.analyses.statistics import compare_family, compare_paired, holm


def test_holm_is_that_of_statsmodels() -> None:
    generator = np.random.default_rng(1)
    for count in (1, 2, 7, 30):
        p = generator.uniform(size=count) ** 3
        p[: count // 3] = p[0]
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm([]).size == 0


def test_wilcoxon_is_scipys_where_nothing_is_tied() -> None:
    generator = np.random.default_rng(2)
    a, b = generator.normal(size=(2, 40))
    found = compare_paired(a, b, generator)
    assert found.p_value == pytest.approx(stats.wilcoxon(a, b).pvalue)
    assert found.difference.value == pytest.approx((a - b).mean())


@pytest.mark.parametrize("tasks", [2, 5, 13])
@pytest.mark.parametrize("levels", [2, 4, 100])
def test_few_tasks_have_the_exact_p_value(tasks: int, levels: int) -> None:
    """All signs of the differences are equally likely; scipy goes through them one by one."""
    generator = np.random.default_rng(tasks)
    for _ in range(3):
        a, b = generator.integers(levels, size=(2, tasks)).astype(np.float64)
        if (a == b).all():
            continue
        differences = a - b
        ranks = stats.rankdata(np.abs(differences))
        sums = np.array(list(itertools.product([0, 1], repeat=tasks))) @ np.where(
            differences == 0, 0.0, ranks
        )
        found = ranks[differences > 0].sum()
        sides = [(sums <= found).mean(), (sums >= found).mean()]
        p_value = compare_paired(a, b, generator, resamples=10).p_value
        assert p_value == pytest.approx(min(1.0, 2 * min(sides)))


def test_few_tasks_are_compared_as_scipy_does() -> None:
    a, b = np.random.default_rng(8).integers(6, size=(2, 9)).astype(np.float64)
    expected = stats.wilcoxon(a, b, zero_method="pratt", method=stats.PermutationMethod())
    assert compare_paired(a, b, np.random.default_rng(0)).p_value == expected.pvalue


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1, 100])
def test_shares_of_few_targets_are_ranked_as_the_counts_they_are(
    dtype: type[np.floating], scale: int
) -> None:
    generator = np.random.default_rng(3)
    right = generator.binomial(25, 0.7, size=(2, 200))
    shares = (right.astype(dtype) / dtype(25)) * dtype(scale)
    found = compare_paired(shares[0], shares[1], generator)
    assert found.p_value == stats.wilcoxon(*right, zero_method="pratt").pvalue
    # Without that, scipy ranks the last bits.
    assert found.p_value != stats.wilcoxon(*shares.astype(np.float64), zero_method="pratt").pvalue
    counts = [
        (right[0] > right[1]).sum(),
        (right[0] == right[1]).sum(),
        (right[0] < right[1]).sum(),
    ]
    assert [found.wins, found.ties, found.losses] == counts
    assert found.tasks == 200


def test_identical_results_differ_by_nothing() -> None:
    values = np.random.default_rng(4).uniform(size=30)
    found = compare_paired(values, values, np.random.default_rng(0))
    assert (found.p_value, found.ties) == (1.0, 30)
    assert (found.difference.low, found.difference.high) == (0.0, 0.0)


def test_a_true_difference_is_seen_and_signed() -> None:
    generator = np.random.default_rng(5)
    task = generator.normal(0.6, 0.1, 600)
    a, b = (task + shift + generator.normal(0, 0.03, 600) for shift in (0.01, 0.0))
    found = compare_paired(a, b, generator)
    assert found.difference.low > 0.004
    assert found.p_value < 1e-6
    # Unpaired, it nearly drowns in how the tasks differ.
    assert stats.mannwhitneyu(a, b).pvalue > 0.01


def test_a_family_of_equal_schemes_rarely_has_a_rejection() -> None:
    generator = np.random.default_rng(6)
    rejected = raw = 0
    for _ in range(120):
        values = {name: generator.normal(size=25) for name in "abcd"}
        family = compare_family(values, generator, resamples=10)
        assert len(family) == 6
        rejected += min(member.adjusted_p_value for member in family) < 0.05
        raw += min(member.comparison.p_value for member in family) < 0.05
    # At most 5 % of 120, and five standard deviations; uncorrected it is about 20 %.
    assert rejected <= 6 + 5 * np.sqrt(120 * 0.05 * 0.95)
    assert raw > 2 * rejected


def test_a_comparison_does_not_depend_on_the_rest_of_its_family() -> None:
    generator = np.random.default_rng(7)
    values = {name: generator.normal(size=50) for name in "abc"}
    every = compare_family(values, np.random.default_rng(0))
    (alone,) = compare_family(values, np.random.default_rng(0), pairs=[("a", "c")])
    (same,) = [member for member in every if (member.first, member.second) == ("a", "c")]
    assert same.comparison == alone.comparison
    assert same.adjusted_p_value >= alone.adjusted_p_value == alone.comparison.p_value


def test_other_numbers_of_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="first has 3 tasks and second 2"):
        compare_paired([1.0, 2.0, 3.0], [1.0, 2.0], np.random.default_rng(0))
