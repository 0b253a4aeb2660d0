"""Planted faults that a layer answers like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.faults.plain import PlainTaskNorm
from tnverify.subjects import Factory, from_factory
from tnverify.subjects.alike import answers_like
from tnverify.subjects.fitting import comparing_tasks
from tnverify.subjects.recipe import SubjectRecipe
from tnverify.subjects.resolve import resolve

if TYPE_CHECKING:
    from torch import Tensor


class MeansOfVariances(PlainTaskNorm):
    """Forgets how far the means lie apart, in an order of its own."""

    def pool(
        self, alpha: Tensor, mean: Tensor, var: Tensor, own_mean: Tensor, own_var: Tensor
    ) -> tuple[Tensor, Tensor]:
        return own_mean + alpha * (mean - own_mean), own_var + alpha * (var - own_var)


class HalfOfTheTerm(PlainTaskNorm):
    """Wrong in a way that no planted fault is."""

    def pool(
        self, alpha: Tensor, mean: Tensor, var: Tensor, own_mean: Tensor, own_var: Tensor
    ) -> tuple[Tensor, Tensor]:
        pooled, pooled_var = super().pool(alpha, mean, var, own_mean, own_var)
        return pooled, pooled_var - alpha * (1 - alpha) * (mean - own_mean).square() / 2


def alike(made: type[PlainTaskNorm]) -> tuple[str, ...]:
    subject = from_factory("made", Factory(made), "tasknorm_i", "explicit_state")
    return answers_like(subject, comparing_tasks(subject))


def test_the_planted_fault_that_a_layer_answers_like_is_named() -> None:
    assert alike(MeansOfVariances) == ("AveragedVariances",)


def test_a_sound_layer_and_another_fault_are_like_none() -> None:
    assert alike(PlainTaskNorm) == ()
    assert alike(HalfOfTheTerm) == ()


def test_it_is_measured_where_a_claim_is_given_and_does_not_fit() -> None:
    spec = f"{__file__}:MeansOfVariances"
    assert resolve(SubjectRecipe(spec, claims="tasknorm_i")).alike == ("AveragedVariances",)
    assert resolve(SubjectRecipe(spec)).alike == ()
