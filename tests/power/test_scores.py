"""Scores, the curve and the standing of laws, from rows that are made by hand."""

from __future__ import annotations

import handmade
import pytest
from census_rows import DEFAULT, SMALL, census, row

from tnverify.engine.profiles import PROFILES
from tnverify.power.rows import Kill
from tnverify.power.score import curve, score, scores
from tnverify.power.standing import by_family, standings

CAUGHT = row("caught", Kill("a", 3, 3), Kill("b", 1, 1))
LATE = row("late", Kill("a", 20, 18))
SURVIVOR = row("survivor")
AWAY = row("away", out_of_reach="it shows on a CUDA device alone")


def test_the_first_kill_is_the_one_that_took_the_fewest_tasks() -> None:
    first = CAUGHT.first
    assert first is not None
    assert first.law == "b"
    assert SURVIVOR.first is None


def test_a_fault_survives_unless_it_is_killed_or_out_of_reach() -> None:
    assert SURVIVOR.survives
    assert not CAUGHT.survives
    assert not AWAY.survives


@pytest.mark.parametrize(
    ("kill", "seen"),
    [
        (Kill("a", 6, 4), True),
        (Kill("a", 7, 4), False),  # the smaller corpus ends before it
        (Kill("a", 6, 5), False),  # enough tasks had counted before it
    ],
)
def test_a_smaller_budget_ends_earlier(kill: Kill, seen: bool) -> None:
    assert bool(row("fault", kill).under(SMALL).kills) is seen


def test_a_replay_until_the_first_kill_says_nothing_of_a_smaller_budget() -> None:
    with pytest.raises(ValueError, match="replay it again"):
        row("fault", Kill("a", 1, 1), first_only=True).under(SMALL)


def test_what_is_out_of_reach_is_in_no_share_but_is_named() -> None:
    found = score(DEFAULT, [CAUGHT, LATE, SURVIVOR, AWAY])
    assert (found.caught, found.reachable) == (2, 3)
    assert found.share == pytest.approx(2 / 3)
    assert found.survivors == ("survivor",)
    assert found.out_of_reach == (("away", "it shows on a CUDA device alone"),)
    assert found.median == 10.5
    assert found.slowest == (20, "late")


def test_what_is_caught_is_told_of_the_seed_where_fewest_die() -> None:
    again = row("caught", seed=1)
    rows = [CAUGHT, LATE, again, row("late", Kill("a", 2, 2), seed=1)]
    found = score(DEFAULT, rows)
    assert (found.caught, found.reachable, found.survivors) == (1, 2, ("caught",))
    assert found.seeds == (0, 1)
    # One at each seed is one, though both survive somewhere.
    third = [row("caught", Kill("a", 1, 1), seed=2), row("late", seed=2)]
    found = score(DEFAULT, [*rows, *third])
    assert (found.caught, found.survivors) == (1, ("caught", "late"))


def test_a_matrix_gives_the_scores_of_smaller_profiles() -> None:
    last, most = PROFILES["quick"].corpus, PROFILES["quick"].tasks
    found = census(CAUGHT, row("late", Kill("a", last, most)), row("later", Kill("a", last + 1, 3)))
    quick, default = scores(found)
    assert (quick.profile.name, quick.caught, quick.survivors) == ("quick", 2, ("later",))
    assert (default.profile.name, default.caught) == ("default", 3)


def test_no_matrix_no_scores_of_smaller_profiles() -> None:
    (only,) = scores(census(row("fault", Kill("a", 1, 1), first_only=True)))
    assert only.profile is DEFAULT


def test_other_lanes_take_no_scores_from_a_matrix() -> None:
    (only,) = scores(census(CAUGHT, profile=PROFILES["thorough"]))
    assert only.profile.name == "thorough"


def test_nothing_caught_is_a_share_of_zero() -> None:
    found = score(DEFAULT, [AWAY])
    assert (found.share, found.median, found.slowest) == (0.0, None, None)


def test_the_curve_counts_reachable_faults_caught_so_far() -> None:
    assert curve([CAUGHT, LATE, SURVIVOR, AWAY], 3) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert curve([CAUGHT, LATE], 20)[-1] == 1.0
    assert curve([CAUGHT, LATE], 20)[-2] == 0.5
    assert curve([AWAY], 3) == ()


def test_a_law_stands_by_what_it_kills_and_by_what_it_kills_alone() -> None:
    first, second, *_ = handmade.LAWS
    both = row("both", Kill(first.name, 1, 1), Kill(second.name, 2, 2), family="context")
    one = row("one", Kill(first.name, 4, 4))
    found = {each.law: each for each in standings(handmade.LAWS, [both, one])}
    assert found[first.name].killed == ("both", "one")
    assert found[first.name].alone == ("one",)
    assert found[second.name].alone == ()
    should = next(law for law in handmade.LAWS if law.level == "should")
    advisory = row("advisory", Kill(first.name, 1, 1), Kill(should.name, 1, 1))
    found = {each.law: each for each in standings(handmade.LAWS, [both, one, advisory])}
    assert found[first.name].alone == ("one", "advisory")
    assert found[should.name].alone == ()
    assert found[should.name].killed == ("advisory",)
    counted = by_family([both, one], list(found.values()))
    assert counted == {("context", "transductivity"): 1, ("moments", "transductivity"): 1}
