"""Laws asked of a corpus: of which tasks, in which lanes, until when, and what is noted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from makeshift import devices_built_on, law_of, normalizing, subject

from tnverify.contract import SaysNothing, Violation
from tnverify.engine.evaluate import Evaluation
from tnverify.engine.profiles import PROFILES, Profile, find_profile
from tnverify.engine.trial import LaneRecord, LawRecord, try_laws, why_not_claimed
from tnverify.faults.plain import PlainNorm
from tnverify.plans import Plan
from tnverify.subjects.guard import TooSlow

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.catalogue import Law
    from tnverify.contract import Prober, Task

CORPUS = [Plan(context=n, targets=2, channels=2, seed=n) for n in range(1, 9)]
THREE = Profile("three", tasks=3, corpus=8, native_every=2)
ALL = Profile("all", tasks=100, corpus=8, native_every=1)
SUBJECT = subject(PlainNorm)


def law_that(
    does: Callable[[Task], object] = lambda task: None, name: str = "some_law", **declared: object
) -> Law:
    def check(norm: Prober, task: Task) -> None:
        norm.run(task)
        does(task)

    check.__name__ = name
    return law_of(check, **declared)


def lanes_of(tasks: list[Task]) -> list[tuple[int, str]]:
    """Number of context items and lane of each task."""
    return [(len(t.context), str(t.context.dtype).removeprefix("torch.")) for t in tasks]


def test_a_law_of_both_lanes_meets_each_plan_in_one_of_them() -> None:
    asked: list[Task] = []
    (record,) = try_laws(SUBJECT, [law_that(asked.append)], CORPUS, THREE)
    assert lanes_of(asked) == [(1, "float64"), (2, "float32"), (3, "float64")]
    assert {lane: seen.counted for lane, seen in record.lanes.items()} == {
        "float64": 2,
        "native": 1,
    }
    assert (record.counted, record.tried, record.refusal, record.given_up) == (3, 3, None, None)


def test_a_law_of_both_lanes_meets_each_plan_in_both_where_the_profile_says_so() -> None:
    asked: list[Task] = []
    (record,) = try_laws(SUBJECT, [law_that(asked.append)], CORPUS, ALL)
    assert lanes_of(asked) == [(n, d) for n in range(1, 9) for d in ("float64", "float32")]
    assert record.counted == 16


@pytest.mark.parametrize(("lane", "dtype"), [("float64", "float64"), ("native", "float32")])
def test_a_law_of_one_lane_meets_every_plan_there(lane: str, dtype: str) -> None:
    asked: list[Task] = []
    (record,) = try_laws(SUBJECT, [law_that(asked.append, lanes=(lane,))], CORPUS, THREE)
    assert lanes_of(asked) == [(n, dtype) for n in (1, 2, 3)]
    assert list(record.lanes) == [lane]


@pytest.mark.parametrize(("most", "counted"), [(None, 3), (2, 2), (3, 3), (5, 3)])
def test_a_law_is_asked_of_no_more_tasks_than_it_wants(most: int | None, counted: int) -> None:
    (record,) = try_laws(SUBJECT, [law_that(max_tasks=most)], CORPUS, THREE)
    assert (record.counted, record.tried) == (counted, counted)


def test_tasks_on_which_a_law_says_nothing_do_not_count() -> None:
    def says(task: Task) -> None:
        if len(task.context) % 2:
            raise SaysNothing("an odd number")

    (record,) = try_laws(SUBJECT, [law_that(says, lanes=("float64",))], CORPUS, THREE)
    assert (record.counted, record.tried) == (3, 6)
    assert record.lanes["float64"].not_counted == Counter({"an odd number": 3})
    assert record.why_nothing_counted == "an odd number"


def test_a_law_stops_where_it_fails_and_the_others_go_on() -> None:
    def fails(task: Task) -> None:
        if len(task.context) == 2:
            raise Violation("two")

    laws = [law_that(fails, "fails", lanes=("float64",)), law_that(name="holds")]
    failing, holding = try_laws(SUBJECT, laws, CORPUS, ALL)
    assert failing.failure is not None
    assert failing.failure[:2] == (CORPUS[1], "float64")
    assert failing.failure[2].reason == "two"
    assert (failing.counted, failing.tried) == (2, 2)
    assert (holding.counted, holding.failure, holding.given_up) == (16, None, None)


def test_those_who_ask_for_the_first_failure_get_it_at_once() -> None:
    def fails(task: Task) -> None:
        if len(task.context) == 2:
            raise Violation("two")

    laws = [law_that(name="before"), law_that(fails, "fails"), law_that(name="after")]
    records = try_laws(SUBJECT, laws, CORPUS, ALL, first_only=True)
    assert [r.counted for r in records] == [3, 3, 2]
    assert [r.failure is None for r in records] == [True, False, True]
    assert [r.given_up for r in records] == [None] * 3


def test_how_far_it_is_is_told_before_each_plan_and_at_the_end() -> None:
    told: list[tuple[int, int]] = []
    try_laws(SUBJECT, [law_that()], CORPUS[:3], ALL, lambda *far: told.append(far))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_ctrl_c_keeps_what_was_seen_and_gives_up_what_was_not() -> None:
    def interrupt(task: Task) -> None:
        if len(task.context) == 3:
            raise KeyboardInterrupt

    told: list[None] = []
    laws = [
        law_that(name="enough", max_tasks=2),
        law_that(interrupt, "interrupted"),
        law_that(name="not_claimed", claimed=lambda claims: "never"),
    ]
    records = try_laws(SUBJECT, laws, CORPUS, THREE, on_interrupt=lambda: told.append(None))
    assert told == [None]
    assert [r.counted for r in records] == [2, 2, 0]
    assert [r.given_up for r in records] == [
        None,
        "interrupted before enough tasks counted",
        None,
    ]


def test_a_subject_that_keeps_not_answering_in_time_is_given_up() -> None:
    """Each time costs the whole limit: after two, of whatever laws, no more is asked."""

    def late(targets: Tensor) -> Tensor:
        raise TimeoutError

    told: list[None] = []
    laws = [
        law_of(lambda norm, task: None, lanes=("native",)),
        law_that(name="first"),
        law_that(name="second"),
        law_that(name="third"),
    ]
    quiet, *records = try_laws(
        subject(normalizing(late)), laws, CORPUS, ALL, on_interrupt=lambda: told.append(None)
    )
    assert [r.failure is None for r in records] == [False, False, True]
    assert [r.tried for r in records] == [1, 1, 0]
    assert quiet.tried == 0
    why = "the subject hung too often to go on"
    assert [r.given_up for r in (quiet, *records)] == [why, None, None, why]
    assert told == []


def test_one_answer_that_does_not_come_is_not_enough_to_give_up() -> None:
    def late(targets: Tensor) -> Tensor:
        raise TimeoutError

    laws = [law_that(name="first"), law_of(lambda norm, task: None)]
    late_one, quiet = try_laws(subject(normalizing(late)), laws, CORPUS, THREE)
    assert late_one.failure is not None
    assert late_one.failure[2].hung
    assert (quiet.counted, quiet.given_up) == (3, None)


def test_tasks_are_built_on_the_device_of_the_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine has a second device for sure: what is built for one is built beside it."""
    devices = devices_built_on(monkeypatch)
    layer = replace(SUBJECT, device=torch.device("cpu:0"))
    (record,) = try_laws(layer, [law_of(lambda norm, task: None)], CORPUS, THREE)
    assert record.counted == 3
    assert devices == {"cpu:0"}


def test_a_law_that_is_not_claimed_is_not_asked() -> None:
    asked: list[Task] = []
    law = law_that(asked.append, claimed=lambda claims: "it says so")
    (record,) = try_laws(SUBJECT, [law], CORPUS, THREE)
    assert record.not_claimed == "it says so"
    assert (asked, record.tried) == ([], 0)


def test_a_law_of_the_profile_thorough_is_asked_there_alone() -> None:
    law = law_that(thorough_only=True)
    counted = [
        try_laws(SUBJECT, [law], CORPUS, replace(THREE, thorough=thorough))[0].counted
        for thorough in (False, True)
    ]
    assert counted == [0, 3]


@pytest.mark.parametrize(
    ("declared", "profile", "why"),
    [
        ({}, THREE, None),
        ({"claimed": lambda claims: f"not of {claims.scheme.name}"}, THREE, "not of meta_bn"),
        ({"needs": ("weight",)}, THREE, None),
        (
            {"needs": ("scale", "weight", "running_mean")},
            THREE,
            "the layer has no handle on scale and running_mean",
        ),
        ({"thorough_only": True}, THREE, "checked in the profile thorough alone"),
        ({"thorough_only": True}, replace(THREE, thorough=True), None),
        ({"lanes": ("native",)}, THREE, "checked in native, where the layer does not run"),
        ({"lanes": ("float64",)}, THREE, None),
    ],
)
def test_why_a_law_is_not_asked_at_all(
    declared: dict[str, Any], profile: Profile, why: str | None
) -> None:
    layer = replace(SUBJECT, native=torch.float64)
    assert why_not_claimed(law_that(**declared), layer, profile) == why


def test_a_layer_without_float64_is_asked_in_its_own_dtype() -> None:
    layer = replace(SUBJECT, has_float64=False)
    asked: list[Task] = []
    laws = [law_that(asked.append), law_that(name="other", lanes=("float64",))]
    record, other = try_laws(layer, laws, CORPUS, THREE)
    assert {dtype for _, dtype in lanes_of(asked)} == {"float32"}
    assert record.counted == 3
    assert other.not_claimed == "checked in float64, where the layer does not run"


def noted(*endings: Evaluation, lane: str = "float64") -> LawRecord:
    record = LawRecord(law_that(), {"float64": LaneRecord(), "native": LaneRecord()})
    for ended in endings:
        record.note(CORPUS[0], lane, ended)
    return record


def test_the_greatest_margin_is_kept_and_the_seconds_add_up() -> None:
    margins = (None, 0.25, 0.5, 0.125)
    record = noted(*(Evaluation("held", margin=m, seconds=0.5) for m in margins))
    assert (record.margin, record.seconds, record.exact) == (0.5, 2.0, True)
    assert noted(Evaluation("held")).margin is None


def test_one_rounded_answer_makes_a_law_hold_as_rounded() -> None:
    exact, rounded = Evaluation("held"), Evaluation("held", exact=False)
    assert not noted(exact, rounded, exact).exact
    assert noted(exact, Evaluation("says_nothing", "no", exact=False)).exact


def test_a_law_is_not_claimed_only_where_nothing_counted() -> None:
    nothing, held = Evaluation("not_claimed", "no handle"), Evaluation("held")
    first = noted(nothing)
    assert (first.not_claimed, first.counted, first.tried) == ("no handle", 0, 1)
    later = noted(held, nothing)
    assert (later.not_claimed, later.counted, later.tried) == (None, 1, 2)
    assert later.why_nothing_counted == "no handle"


def test_refusals_and_silence_are_noted_by_lane() -> None:
    record = noted(
        Evaluation("refused", "one"),
        Evaluation("refused", "two"),
        Evaluation("says_nothing"),
        lane="native",
    )
    assert record.lanes["float64"] == LaneRecord()
    assert record.lanes["native"] == LaneRecord(0, 3, Counter({"says_nothing": 1}), ["one", "two"])
    assert record.refusal == "one"
    assert noted().refusal is None


def test_the_most_common_reason_of_all_lanes_is_told() -> None:
    record = noted(*[Evaluation("says_nothing", why) for why in ("a", "b", "b", "a")])
    for why in ("c", "b"):
        record.note(CORPUS[0], "native", Evaluation("says_nothing", why))
    assert record.why_nothing_counted == "b"
    assert noted().why_nothing_counted == "no task was tried"


@pytest.mark.parametrize("ending", ["violated", "broken"])
def test_a_failure_counts_and_says_where(ending: Any) -> None:
    ended = Evaluation(ending, "why", margin=3.0, seconds=0.25)
    record = noted(ended, lane="native")
    assert record.failure == (CORPUS[0], "native", ended)
    assert (record.counted, record.tried, record.margin, record.seconds) == (1, 1, 3.0, 0.25)


@pytest.mark.parametrize(
    ("every", "lanes"),
    [
        (1, ["both"] * 4),
        (2, ["float64", "native"] * 2),
        (3, ["float64", "float64", "native", "float64"]),
    ],
)
def test_the_lanes_of_a_profile(every: int, lanes: list[str]) -> None:
    profile = replace(THREE, native_every=every)
    both = ("float64", "native")
    assert [profile.lanes_of(number, both) for number in range(4)] == [
        both if lane == "both" else (lane,) for lane in lanes
    ]
    assert [profile.lanes_of(number, ("native",)) for number in range(4)] == [("native",)] * 4


def test_the_profiles_and_what_is_said_of_them() -> None:
    assert {name: profile.summary for name, profile in PROFILES.items()} == {
        "quick": "15 tasks a law",
        "default": "32 tasks a law",
        "thorough": "500 tasks a law, torch.compile and torch.export too",
    }
    assert {(p.name, p.native_every) for p in PROFILES.values()} == {
        ("quick", 3),
        ("default", 3),
        ("thorough", 1),
    }
    # In both lanes of thorough each plan counts twice.
    assert all(p.corpus * (2 if p.native_every == 1 else 1) > p.tasks for p in PROFILES.values())
    assert find_profile("quick") is PROFILES["quick"]
    with pytest.raises(ValueError, match=r"^unknown profile 'quik': did you mean 'quick'\?$"):
        find_profile("quik")


def test_the_time_of_the_profile_ends_a_trial_and_laws_of_few_tasks_are_given_up() -> None:
    """A law of enough tasks stays as it stands."""
    over = replace(ALL, seconds=0.0)
    (record,) = try_laws(SUBJECT, [law_that()], CORPUS, over)
    assert record.counted == 0
    assert record.given_up == "not measured: the layer is too slow for the time of the profile"


def test_a_law_whose_calls_take_too_long_together_is_not_measured() -> None:
    def takes_too_long(task: Task) -> None:
        raise TooSlow

    (record,) = try_laws(SUBJECT, [law_that(takes_too_long)], CORPUS, ALL)
    assert (record.tried, record.counted, record.failure) == (1, 0, None)
    assert record.given_up == "not measured: its calls took over 60 s on one task"


def test_what_a_law_leaves_behind_in_the_process_no_other_law_meets() -> None:
    met: list[torch.dtype] = []

    def changes(_task: Task) -> None:
        torch.set_default_dtype(torch.float64)

    def looks(_task: Task) -> None:
        met.append(torch.get_default_dtype())

    before = torch.get_default_dtype()
    try:
        try_laws(SUBJECT, [law_that(changes, "first"), law_that(looks, "second")], CORPUS, THREE)
        assert met == [before] * 3
        assert torch.get_default_dtype() == before
    finally:
        torch.set_default_dtype(before)
