"""Equal starting values: two instances differ by nothing that a constructor drew."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from tnverify.plans import Plan
from tnverify.subjects import Factory, SubjectProber, from_factory
from tnverify.subjects.starting import kept_generators, same_values, seed_generators

PLAN = Plan(context=4, targets=2, channels=3, spatial=(2, 3), profile="normal", seed=3)


class Drawn(nn.Module):
    """An affine whose weights come from three global generators."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        drawn = torch.rand(channels) + random.random() + np.random.random()  # noqa: NPY002 - layers do
        self.gain = nn.Parameter(drawn.float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gain.view(1, -1, *(1,) * (x.dim() - 2))


class DrawnElsewhere(Drawn):
    """As Drawn, from a generator that nobody can seed."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        own = np.random.default_rng().random(channels)
        self.gain = nn.Parameter(torch.as_tensor(own).float())


class Lazy(nn.Module):
    """A gate whose projection is made at the first call, by torch's own lazy layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = nn.LazyLinear(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        own = x.flatten(2).mean(2)
        return x * self.project(own).sigmoid().view(*own.shape, *(1,) * (x.dim() - 2))


class MadeWhenCalled(Lazy):
    """The same, made by hand."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.project = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.project is None:
            self.project = nn.Linear(x.shape[1], x.shape[1]).to(x.dtype)
        return super().forward(x)


@pytest.mark.parametrize("made", [Drawn, DrawnElsewhere, Lazy, MadeWhenCalled])
def test_fresh_instances_answer_alike_whatever_was_drawn(made: type[nn.Module]) -> None:
    subject = from_factory("drawn", Factory(made), "inductive", "no_context")
    task = PLAN.build()
    first = SubjectProber(subject).run(task)
    torch.rand(7)
    second = SubjectProber(subject).run(task)
    assert torch.equal(first.context, second.context)
    assert torch.equal(first.targets, second.targets)


@pytest.mark.parametrize("made", [Lazy, MadeWhenCalled])
def test_parameters_that_are_made_at_the_first_call_move_no_generator(
    made: type[nn.Module],
) -> None:
    subject = from_factory("drawn", Factory(made), "inductive", "no_context")
    task = PLAN.build()
    probe = SubjectProber(subject).fresh(task)
    before = torch.get_rng_state()
    probe.condition(task.context)
    assert torch.equal(torch.get_rng_state(), before)


def test_layers_with_unequal_values_are_told_apart() -> None:
    seed_generators()
    layers = [Drawn(3), Drawn(3)]
    assert not same_values(*layers)
    assert same_values(layers[0], layers[0])


def _draws() -> tuple[float, float, float]:
    return float(torch.rand(1)), random.random(), float(np.random.random())  # noqa: NPY002 - layers do


def _seed_all() -> None:
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002 - the global one is kept


def test_the_callers_generators_get_their_states_back() -> None:
    _seed_all()
    wanted = _draws()
    _seed_all()
    with kept_generators():
        seed_generators()
        torch.rand(3)
    assert _draws() == wanted


def test_parameters_without_a_handle_are_moved_as_the_plan_says_and_alike() -> None:
    subject = from_factory("drawn", Factory(Drawn), "inductive", "no_context")
    prober = SubjectProber(subject)
    initial, moved, again = (
        prober.fresh(Plan(channels=3, seed=4, spread=spread).build()).layer.gain.detach()
        for spread in (0.0, 0.5, 0.5)
    )
    share = moved / initial - 1
    assert torch.equal(moved, again)
    assert 0.0 < float(share.abs().max()) <= 0.5
