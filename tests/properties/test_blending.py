"""Laws of the family `blending`, beyond what test_families asks of all."""

from __future__ import annotations

import torch
import trials
from torch import Tensor, nn

from tnverify.faults.plain import PlainNorm, PlainTaskNorm
from tnverify.properties import blending

LAWS = [law for law in blending.LAWS if not law.thorough_only]


class HoldsAlpha(PlainNorm):
    """TaskNorm-I for contexts of one size: alpha itself is the parameter."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.alpha = nn.Parameter(torch.tensor(0.5))

    pool = PlainTaskNorm.pool
    own_dims = PlainTaskNorm.own_dims

    def moments_for(self, x: Tensor, state: object) -> tuple[Tensor, Tensor]:
        own = self.reduce(x, self.own_dims(x))
        return self.pool(self.alpha, state.mean, state.var, *own)


class FixedAlpha(HoldsAlpha):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.alpha.requires_grad_(False)


class ReversedAlpha(HoldsAlpha):
    """The handle is there by its name, and does the opposite."""

    def moments_for(self, x: Tensor, state: object) -> tuple[Tensor, Tensor]:
        own = self.reduce(x, self.own_dims(x))
        return self.pool(1 - self.alpha, state.mean, state.var, *own)


def test_a_layer_that_holds_alpha_itself_is_held_to_the_same_laws() -> None:
    subject = trials.subject_of(HoldsAlpha, "tasknorm_i")
    for law in LAWS:
        tried = trials.try_law(law, subject, tasks=6)
        assert tried.failures == [], law.name
        assert bool(tried.counted) is (not law.needs), law.name


def test_a_handle_without_the_effect_of_its_name_is_a_violation() -> None:
    subject = trials.subject_of(ReversedAlpha, "tasknorm_i")
    tried = trials.try_law(blending.alpha_one_is_context_batch_normalisation, subject, tasks=6)
    assert tried.failures


def test_an_alpha_that_is_not_learned_has_no_gradient_to_check() -> None:
    subject = trials.subject_of(FixedAlpha, "tasknorm_i")
    tried = trials.try_law(blending.gradients_of_scale_and_offset_are_right, subject, tasks=2)
    assert tried.not_claimed is not None
    assert "alpha is fixed" in tried.not_claimed


def test_a_scheme_that_blends_nothing_is_not_asked() -> None:
    subject = trials.sound("PlainNorm")
    assert all(trials.try_law(law, subject, tasks=1).not_claimed for law in LAWS)
