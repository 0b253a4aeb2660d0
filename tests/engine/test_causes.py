"""Which failing laws are told together, and which of them first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from makeshift import law_of

from tnverify.engine.causes import group_causes
from tnverify.engine.results import Cause, LawVerdict

FAMILIES = (
    "transductivity",
    "task_isolation",
    "context",
    "blending",
    "moments",
    "batch_size",
    "gradients",
    "numerics",
    "state",
    "layouts",
    "a_third_partys",
)
"""The most telling first."""


def failing(name: str, family: str, symptom: str | None = None, **more: object) -> LawVerdict:
    def check(norm: object, task: object) -> None:
        """It is not asked."""

    check.__name__ = name
    law = law_of(check, family=family, **more)  # type: ignore[arg-type]  # it is not asked
    return LawVerdict(law, "violated", symptom=symptom)


def laws_of(causes: tuple[Cause, ...]) -> tuple[tuple[str, ...], ...]:
    """The failing laws of each cause."""
    return tuple(cause.laws for cause in causes)


def together(*verdicts: LawVerdict) -> bool:
    """Whether they are of one cause."""
    return len(group_causes(verdicts)) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("moments", "value"), ("context", "value")),
        (("moments", None), ("numerics", "value")),
        (
            ("moments", "raised ValueError in condition"),
            ("state", "raised ValueError in condition"),
        ),
        (("gradients", "not_finite"), ("moments", "not_finite")),
        (("state", "form"), ("transductivity", "form")),
        (("gradients", "hang"), ("layouts", "hang")),
        (("transductivity", "value"), ("batch_size", "gradient")),
        (("transductivity", "flow"), ("moments", "flow")),
        (("gradients", "flow"), ("state", "flow")),
        (("task_isolation", "flow"), ("task_isolation", "state")),
        (("layouts", "value"), ("layouts", "not_refused")),
        (("a_third_partys", "value"), ("moments", "value")),
    ],
)
def test_the_same_symptom_is_of_one_cause(
    one: tuple[str, str | None], other: tuple[str, str | None]
) -> None:
    assert together(failing("one", *one), failing("other", *other))
    assert not together(failing("one", *one), failing("other", *other, level="should"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("moments", "value"), ("moments", "state")),
        (("moments", "not_finite"), ("moments", "form")),
        (
            ("moments", "raised ValueError in condition"),
            ("moments", "raised TypeError in backward"),
        ),
        (("transductivity", "value"), ("moments", "value")),
        (("transductivity", "not_finite"), ("transductivity", "value")),
        (("task_isolation", "flow"), ("transductivity", "flow")),
        (("task_isolation", "flow"), ("moments", "flow")),
        (("task_isolation", "value"), ("moments", "value")),
        (("state", "value"), ("state", "value")),
        (("gradients", "gradient"), ("gradients", "gradient")),
        (("layouts", "value"), ("moments", "value")),
    ],
)
def test_another_symptom_is_of_another_cause(
    one: tuple[str, str | None], other: tuple[str, str | None]
) -> None:
    assert not together(failing("one", *one), failing("other", *other))


@pytest.mark.parametrize("later", range(1, len(FAMILIES)))
def test_the_families_that_tell_more_come_first(later: int) -> None:
    """Causes as well as the laws in them."""
    families = FAMILIES[later - 1 : later + 1]
    alike = [failing(family, family, "not_finite") for family in reversed(families)]
    assert laws_of(group_causes(alike)) == (families,)
    apart = [failing(family, family, f"raised {family}") for family in reversed(families)]
    assert laws_of(group_causes(apart)) == ((families[0],), (families[1],))


def test_must_comes_before_should_whatever_the_family() -> None:
    laws = [
        failing("flow", "transductivity", level="should"),
        failing("layout", "layouts", kind="rounded"),
    ]
    assert laws_of(group_causes(laws)) == (("layout",), ("flow",))


def test_of_one_family_exact_laws_come_first_and_then_the_catalogues_order() -> None:
    laws = [
        failing("rounded", "moments", kind="rounded"),
        failing("first", "moments"),
        failing("also_rounded", "moments", kind="rounded"),
        failing("second", "moments"),
    ]
    assert laws_of(group_causes(laws)) == (("first", "second", "rounded", "also_rounded"),)


def test_a_wrong_form_is_told_by_the_law_about_form_and_nothing_else_of_layouts_goes_first() -> (
    None
):
    laws = [
        failing("targets", "transductivity", "form"),
        failing("form", "layouts", "form"),
    ]
    assert laws_of(group_causes(laws)) == (("form", "targets"),)
    laws = [
        failing("moment", "moments", "form"),
        failing("targets", "transductivity", "not_finite"),
        failing("layout", "layouts", "not_finite"),
    ]
    assert laws_of(group_causes(laws)) == (("targets", "layout"), ("moment",))


@pytest.mark.parametrize("outcome", ["held", "not_claimed", "inconclusive", "waived"])
def test_a_law_that_does_not_fail_has_no_cause(outcome: str) -> None:
    law = failing("fine", "moments").law
    assert laws_of(group_causes([LawVerdict(law, outcome)])) == ()  # type: ignore[arg-type]  # parametrised


@pytest.mark.parametrize("outcome", ["violated", "broken", "stale_waiver"])
def test_a_law_that_fails_has_one(outcome: str) -> None:
    law = failing("bad", "moments").law
    assert laws_of(group_causes([LawVerdict(law, outcome)])) == (("bad",),)  # type: ignore[arg-type]  # parametrised


def test_a_proven_cause_has_a_title_and_the_laws_that_it_left_undecided() -> None:
    raises = "raises ValueError in condition: no"
    first = replace(failing("first", "state"), cause=raises)
    should = replace(failing("should", "moments", level="should"), cause=raises)
    open_ = [
        LawVerdict(failing(name, "moments").law, "inconclusive", cause=raises)
        for name in ("one", "two")
    ]
    leak = failing("leak", "transductivity")
    assert group_causes([leak, *open_, should, first]) == (
        Cause(("first",), raises, ("one", "two")),
        Cause(("leak",)),
        Cause(("should",), raises),
    )


def test_of_laws_about_the_formula_the_most_specific_comes_first() -> None:
    laws = [
        failing("outputs_agree_with_the_formula", "moments"),
        failing("shuffling_pixels_shuffles_outputs", "moments", kind="rounded"),
        failing("the_pooled_variance_carries_the_between_mean_term", "blending"),
    ]
    assert laws_of(group_causes(laws)) == (
        (
            "the_pooled_variance_carries_the_between_mean_term",
            "shuffling_pixels_shuffles_outputs",
            "outputs_agree_with_the_formula",
        ),
    )


def test_a_wrong_value_in_a_law_about_the_context_comes_after_the_formulas_laws() -> None:
    laws = [
        failing("targets_of_another_size_are_answered_or_refused", "context", "value"),
        failing("outputs_agree_with_the_formula", "moments", "value"),
    ]
    (cause,) = group_causes(laws)
    assert cause.laws[0] == "outputs_agree_with_the_formula"
    leak = failing("an_unread_context_is_ignored", "context", "flow")
    assert group_causes([*laws, leak])[0].laws == ("an_unread_context_is_ignored",)


def test_of_laws_about_isolation_the_plainest_comes_first() -> None:
    laws = [
        failing("memory_that_is_used_again_is_not_confused", "task_isolation"),
        failing("a_task_forgets_the_task_before", "task_isolation"),
    ]
    assert group_causes(laws)[0].laws[0] == "a_task_forgets_the_task_before"


def test_laws_that_say_what_is_known_to_be_wrong_come_first_in_their_family() -> None:
    laws = [
        failing("outputs_agree_with_the_formula", "moments"),
        failing("extreme_scale_and_offset_saturate_without_nan", "blending"),
        failing("the_pooled_variance_carries_the_between_mean_term", "blending"),
    ]
    known = ("the_pooled_variance_carries_the_between_mean_term",)
    (cause,) = group_causes(laws, known)
    assert cause.laws[0] == known[0]
    leak = failing("a_target_ignores_the_other_targets", "transductivity", "flow")
    assert group_causes([*laws, leak], known)[0].laws == ("a_target_ignores_the_other_targets",)
