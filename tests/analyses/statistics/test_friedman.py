"""Friedman and Nemenyi: against scikit-posthocs, scipy and the tables of Demšar (2006)."""

from __future__ import annotations

import numpy as np
import pytest
import scikit_posthocs
from scipy import stats

from tnverify.analyses.statistics import critical_difference, friedman, nemenyi, not_told_apart


def scores(seed: int, data_sets: int = 13, schemes: int = 6) -> np.ndarray:
    """Accuracies to a tenth of a point, so that some are tied."""
    generator = np.random.default_rng(seed)
    return np.round(70 + generator.normal(size=(data_sets, schemes)) + np.arange(schemes) / 3, 1)


@pytest.mark.parametrize("seed", range(3))
def test_nemenyi_is_that_of_scikit_posthocs(seed: int) -> None:
    given = scores(seed)
    assert nemenyi(given) == pytest.approx(
        scikit_posthocs.posthoc_nemenyi_friedman(given).to_numpy()
    )


@pytest.mark.parametrize("seed", range(3))
def test_friedman_is_scipys_with_the_f_of_iman_and_davenport(seed: int) -> None:
    given = scores(seed)
    found = friedman(given)
    expected = stats.friedmanchisquare(*given.T)
    assert (found.statistic, found.p_value) == pytest.approx(tuple(expected))
    # Their F is that of a two-way analysis of variance on the ranks.
    ranks = stats.rankdata(-given, axis=1)
    between = 13 * ((ranks.mean(axis=0) - ranks.mean()) ** 2).sum()
    rest = ((ranks - ranks.mean(axis=0)) ** 2).sum()
    assert found.f_statistic == pytest.approx((between / 5) / (rest / 60))
    assert found.f_p_value == pytest.approx(stats.f.sf(found.f_statistic, 5, 60))
    assert found.mean_ranks == pytest.approx(ranks.mean(axis=0))
    assert found.data_sets == 13


@pytest.mark.parametrize(
    ("schemes", "quantile"),
    [(2, 1.960), (3, 2.343), (5, 2.728), (8, 3.031), (10, 3.164)],
)
def test_critical_differences_are_those_of_demsars_table(schemes: int, quantile: float) -> None:
    expected = quantile * np.sqrt(schemes * (schemes + 1) / (6 * 14))
    assert critical_difference(schemes, 14) == pytest.approx(expected, abs=1e-3)


def test_the_critical_difference_is_where_nemenyi_reaches_its_level() -> None:
    # Two schemes, the first better on 20 of 28 data sets: their mean ranks differ by 12 / 28.
    given = np.array([[1.0, 0.0]] * 20 + [[0.0, 1.0]] * 8)
    p = float(nemenyi(given)[0, 1])
    assert critical_difference(2, 28, level=1 - p) == pytest.approx(12 / 28)


def test_schemes_that_never_differ_are_not_told_apart() -> None:
    found = friedman(np.ones((4, 3)))
    assert (found.statistic, found.p_value, found.mean_ranks) == (0.0, 1.0, (2.0, 2.0, 2.0))


def test_schemes_in_the_same_order_everywhere_are() -> None:
    found = friedman(np.tile([3.0, 2.0, 1.0], (6, 1)))
    assert found.mean_ranks == (1.0, 2.0, 3.0)
    assert found.p_value < 0.01
    assert (found.f_statistic, found.f_p_value) == (np.inf, 0.0)


def test_bars_join_what_is_within_the_difference_and_no_bar_lies_in_another() -> None:
    ranks = [5.0, 1.0, 1.8, 2.5, 4.9, 9.0]
    assert not_told_apart(ranks, 1.0) == ((1, 2), (2, 3), (4, 0))
    assert not_told_apart(ranks, 2.0) == ((1, 2, 3), (4, 0))
    assert not_told_apart(ranks, 0.05) == ()


def test_one_data_set_is_refused() -> None:
    with pytest.raises(ValueError, match="one data set"):
        friedman([[1.0, 2.0, 3.0]])
