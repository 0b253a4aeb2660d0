"""Laws that fail of another thing than their own are left undecided, and nothing else is."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from makeshift import subject
from torch import Tensor, nn

from tnverify.catalogue import load_catalogue
from tnverify.engine.attribution import CANCELS, DRAWS, FORM, WRITES, attributed
from tnverify.engine.profiles import find_profile
from tnverify.engine.trial import try_laws
from tnverify.engine.verdicts import law_verdict
from tnverify.faults.training import TrainedNorm
from tnverify.plans.strategies import corpus
from tnverify.subjects import Factory, from_factory

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.engine.results import LawVerdict

FLOW = ("a_target_ignores_the_other_targets", "permuting_targets_permutes_outputs")
OWN_DRAWS = ("calls_are_deterministic", "calls_draw_no_random_numbers")


def over_space(x: Tensor) -> Tensor:
    dims = tuple(range(2, x.dim()))
    variance = x.var(dims, correction=0, keepdim=True)
    return (x - x.mean(dims, keepdim=True)) * torch.rsqrt(variance + 1e-5)


def layer(forward: Callable[[Tensor], Tensor]) -> type[nn.Module]:
    class Layer(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()

        def forward(self, x: Tensor) -> Tensor:
            return forward(x)

    return Layer


def settled(
    forward: Callable[[Tensor], Tensor], *names: str, claims: str = "inductive"
) -> dict[str, LawVerdict]:
    """The verdicts on these laws."""
    laws = [load_catalogue().named(name) for name in names]
    asked = subject(layer(forward), claims)
    plans = corpus(0, 20, rank=2, step=1, allow_past=True)
    records = try_laws(asked, laws, plans, find_profile("quick"))
    return attributed({r.law.name: law_verdict(r, None) for r in records}, records, asked)


def outcomes(found: dict[str, LawVerdict]) -> dict[str, tuple[str, str | None]]:
    return {name: (verdict.outcome, verdict.cause) for name, verdict in found.items()}


def test_a_sound_layer_is_left_alone() -> None:
    assert set(outcomes(settled(over_space, *FLOW, *OWN_DRAWS)).values()) == {("held", None)}


def test_one_wrong_form_of_every_answer_is_one_finding() -> None:
    found = outcomes(settled(lambda x: x[:, :1], *FLOW, "dtype_and_device_are_kept"))
    (title,) = {cause for _, cause in found.values()}
    assert title is not None
    assert title.startswith(f"{FORM}: the context outputs have shape")
    assert {name: outcome for name, (outcome, _) in found.items()} == {
        **dict.fromkeys(FLOW, "inconclusive"),
        "dtype_and_device_are_kept": "violated",
    }


@pytest.mark.parametrize(
    "draw",
    [
        lambda x: x + 0.1 * torch.rand_like(x),
        lambda x: x * torch.empty_like(x).bernoulli_(0.9),
        lambda x: nn.functional.dropout(x, 0.2),
        lambda x: x + random.random(),
        lambda x: x + float(np.random.random()),  # noqa: NPY002 - as layers do
    ],
)
def test_draws_explain_what_holds_with_constants_in_their_place(
    draw: Callable[[Tensor], Tensor],
) -> None:
    found = settled(lambda x: draw(over_space(x)), *FLOW, *OWN_DRAWS)
    assert found["calls_are_deterministic"].outcome == "violated"
    assert found["calls_are_deterministic"].cause == DRAWS
    # Fresh instances draw alike: only what moves an item to another place is kept from deciding.
    assert found[FLOW[0]].outcome == "held"
    moved = found[FLOW[1]]
    assert (moved.outcome, moved.cause) in {("held", None), ("inconclusive", DRAWS)}


def test_what_draws_keep_from_being_decided_says_so() -> None:
    found = settled(lambda x: over_space(x) + torch.rand_like(x), *FLOW, *OWN_DRAWS)
    moved = found[FLOW[1]]
    assert (moved.outcome, moved.cause) == ("inconclusive", DRAWS)
    assert moved.reason == "cannot be decided: the layer draws random numbers"
    assert moved.counterexample is moved.expected is None


def test_a_leak_beside_draws_is_still_a_leak() -> None:
    found = settled(lambda x: over_space(x) + x.mean() + torch.rand(()), *FLOW, *OWN_DRAWS)
    assert found[FLOW[0]].outcome == "violated"
    assert found[FLOW[0]].cause is None
    assert found[FLOW[1]].cause in (None, DRAWS)


def test_where_no_law_finds_the_draws_nothing_is_explained_by_them() -> None:
    found = settled(lambda x: over_space(x) + torch.rand_like(x), FLOW[1])
    assert {verdict.outcome for verdict in found.values()} == {"violated"}


def test_generators_are_left_as_they_were() -> None:
    def states() -> tuple[object, ...]:
        return random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002 - legacy, as layers use it

    before = states()
    settled(over_space, *OWN_DRAWS)
    assert states() == before


def test_writes_to_the_input_are_the_finding_of_their_law_alone() -> None:
    gradients = ("first_order_gradients_are_right", "no_gradient_flows_between_targets")
    found = settled(lambda x: over_space(x.mul_(0.5)), "input_is_not_modified", *gradients)
    assert outcomes(found) == {
        "input_is_not_modified": ("violated", WRITES),
        **dict.fromkeys(gradients, ("held", None)),  # they are given copies
    }


def test_an_answer_of_a_wrong_form_is_no_writing_to_the_input() -> None:
    found = settled(lambda x: x.sum(0), "input_is_not_modified")  # type: ignore[arg-type]  # as told
    assert outcomes(found) == {"input_is_not_modified": ("violated", None)}


def test_one_error_is_one_finding() -> None:
    def strict(x: Tensor) -> Tensor:
        if x.numel() and float(x.detach().min()) < -1:
            raise LookupError(f"no entry for {len(x)} rows")
        return over_space(x)

    names = (*FLOW, "input_is_not_modified", "calls_are_deterministic")
    found = settled(strict, *names)
    broken = [name for name, verdict in found.items() if verdict.outcome == "broken"]
    assert len(broken) == 1
    cause = str(found[broken[0]].cause)
    assert cause.startswith("raises on ordinary tasks: LookupError in ")
    assert {verdict.cause for verdict in found.values()} == {cause}


def test_an_error_that_gradients_alone_meet_is_said_to_be_one() -> None:
    def refuses_gradients(x: Tensor) -> Tensor:
        if x.requires_grad:
            raise RuntimeError("it is not differentiable.")
        return over_space(x)

    found = settled(
        refuses_gradients, "first_order_gradients_are_right", "a_graph_may_be_used_again"
    )
    causes = {verdict.cause for verdict in found.values()}
    assert causes == {
        "raises where gradients are asked for: RuntimeError in condition: it is not differentiable"
    }


def test_two_errors_are_two_findings() -> None:
    def strict(x: Tensor) -> Tensor:
        if x.requires_grad:
            raise LookupError("no gradients here")
        if len(x) > 8:
            raise KeyError("a crowd")
        return over_space(x)

    names = ("first_order_gradients_are_right", "second_order_gradients_are_right")
    found = settled(strict, *names, "copying_the_context_leaves_target_outputs", *FLOW)
    causes = {verdict.cause for verdict in found.values() if verdict.cause is not None}
    assert any("no gradients here" in cause for cause in causes)
    assert not any("no gradients" in cause and "a crowd" in cause for cause in causes)


def test_values_that_are_not_finite_are_one_finding() -> None:
    def forward(x: Tensor) -> Tensor:
        return over_space(x) + (x.mean(0, keepdim=True) - 0.0).clamp(max=0).sqrt()

    found = settled(forward, "one_pixel_maps_are_finite", "a_single_context_item_is_enough")
    said = {verdict.cause for verdict in found.values()}
    assert said == {"answers NaN or infinity on ordinary input"}
    assert sum(verdict.outcome == "violated" for verdict in found.values()) == 1


def test_edges_that_are_not_finite_by_themselves_stay_findings() -> None:
    def unbiased(x: Tensor) -> Tensor:
        """NaN where there is one pixel, and where there is one item."""
        none = x.new_zeros(())
        pixels, items = none + x[0, 0].numel() - 1, none + len(x) - 1
        return over_space(x) + 0 / pixels + 0 / items

    found = settled(unbiased, "one_pixel_maps_are_finite", "a_single_context_item_is_enough")
    assert set(outcomes(found).values()) == {("violated", None)}


VALUES = (
    "outputs_agree_with_the_formula",
    "shuffling_pixels_shuffles_outputs",
    "outputs_have_zero_mean_and_the_right_variance",
    "error_stays_within_the_bound",
)


def test_cancellation_is_called_that() -> None:
    def cancelling(x: Tensor) -> Tensor:
        dims = tuple(range(2, x.dim()))
        mean = x.mean(dims, keepdim=True)
        variance = x.square().mean(dims, keepdim=True) - mean.square()
        return (x - mean) * torch.rsqrt(variance.clamp_min(0) + 1e-5)

    found = settled(cancelling, *VALUES, claims="instance_norm")
    assert outcomes(found)["error_stays_within_the_bound"] == ("violated", CANCELS)
    others = {found[name].outcome for name in VALUES[:3]}
    assert others <= {"inconclusive", "held"}
    assert "inconclusive" in others


class CancelsInTraining(TrainedNorm):
    """Takes the variance of a training batch as a difference, and keeps it so."""

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, _ = super().moments(x)
        dims = (0, *range(2, x.dim()))
        return mean, x.square().mean(dims) - mean.square()


TRAINING = (
    "training_outputs_agree_with_the_formula",
    "training_gradients_are_those_of_the_formula",
)


@pytest.mark.parametrize("made", [CancelsInTraining, TrainedNorm])
def test_cancellation_in_meta_training_is_called_that(made: type[TrainedNorm]) -> None:
    asked = from_factory("made", Factory(made), "conventional_bn", "frozen")
    laws = [load_catalogue().named(name) for name in TRAINING]
    plans = corpus(0, 40, rank=2, step=1, allow_past=True)
    records = try_laws(asked, laws, plans, find_profile("quick"))
    found = attributed({r.law.name: law_verdict(r, None) for r in records}, records, asked)
    assert {v.cause for v in found.values()} == ({CANCELS} if made is CancelsInTraining else {None})


def test_a_wrong_formula_is_no_cancellation() -> None:
    def uncentred(x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.var(tuple(range(2, x.dim())), correction=0, keepdim=True) + 1e-5)

    found = settled(uncentred, *VALUES, claims="instance_norm")
    assert {verdict.cause for verdict in found.values()} == {None}
    assert found["outputs_agree_with_the_formula"].outcome == "violated"
