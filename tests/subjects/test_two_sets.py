"""Layers that one call gives a context and targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tnverify.subjects import SubjectRecipe, Unusable
from tnverify.subjects.resolve import drive, find_adapter, resolve

FILE = Path(__file__)


class _OfASet(nn.Module):
    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_features))
        self.eps = eps

    def by(self, x: Tensor, of: Tensor) -> Tensor:
        dims = (0, *range(2, of.dim()))
        var, mean = torch.var_mean(of, dims, correction=0, keepdim=True)
        shape = (1, -1, *(1,) * (x.dim() - 2))
        return (x - mean) / (var + self.eps).sqrt() * self.weight.view(shape)


class Pair(_OfASet):
    """Answers both sets by the support's moments."""

    def forward(self, support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        return self.by(support, support), self.by(query, support)


class ByName(_OfASet):
    def forward(self, query_x: Tensor, *, support_x: Tensor) -> dict[str, Tensor]:
        return {"moments": support_x.mean(0), "out": self.by(query_x, support_x)}


class Behind(_OfASet):
    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        return self.by(x, context)


class MayBeLeftOut(_OfASet):
    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return self.by(x, x if context is None else context)


class Joined(_OfASet):
    def forward(self, support: Tensor, query: Tensor) -> Tensor:
        return torch.cat((self.by(support, support), self.by(query, support)))


class AverageBeside(_OfASet):
    """Blends a running mean with the context's."""

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        self.norm = nn.BatchNorm2d(num_features)

    def forward(self, support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        return self.norm(support), self.by(self.norm(query), support)


class OfBoth(_OfASet):
    """Takes moments of both sets together: targets read the other targets."""

    def forward(self, support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat((support, query))
        return self.by(support, both), self.by(query, both)


class IgnoresIt(_OfASet):
    """Takes a context that may be left out, and does not look at it."""

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return self.by(x, x.new_zeros(1, *x.shape[1:]) + torch.eye(*x.shape[-2:]))


def recipe(layer: type, **asked: Any) -> SubjectRecipe:
    return SubjectRecipe(f"{FILE}:{layer.__name__}", **asked)


@pytest.mark.parametrize(
    ("layer", "adapter"),
    [
        (Pair, "two_sets[support,1,0]+no_context"),
        (ByName, "two_sets[support_x,out]+no_context"),
        (Behind, "two_sets[context]+no_context"),
        (MayBeLeftOut, "two_sets[context]+no_context"),
        (Joined, "two_sets[support,joined]+no_context"),
        (AverageBeside, "two_sets[support,1,0]+frozen"),
        (OfBoth, "two_sets[support,1,0]+no_context"),
    ],
)
def test_both_sets_are_given_to_the_arguments_that_take_them(layer: type, adapter: str) -> None:
    found = drive(recipe(layer)).adapter
    assert found.name == find_adapter(adapter).name == adapter


def test_a_context_that_changes_no_answer_is_not_given() -> None:
    assert drive(recipe(IgnoresIt)).adapter.name == "no_context"


@pytest.mark.parametrize("layer", [Pair, ByName, Behind, MayBeLeftOut, Joined])
def test_targets_are_answered_by_the_context_alone(layer: type) -> None:
    subject = drive(recipe(layer))
    norm = subject.adapter.wrap(made := layer(3))
    context, targets = torch.randn(2, 5, 3, 4, 4).unbind()
    outputs, state = norm.condition(context)
    assert torch.equal(outputs, made.by(context, context))
    context.zero_()
    assert torch.equal(norm.normalize(targets[:2], state), norm.normalize(targets, state)[:2])
    found = resolve(recipe(layer)).subject.claims
    assert (found.scheme.name, found.inferred) == ("meta_bn", True)


def test_a_layer_that_takes_both_sets_together_is_seen_to_read_other_targets() -> None:
    assert "other_targets" in resolve(recipe(OfBoth)).fingerprint.target_reads


@pytest.mark.parametrize("text", ["", "a,b,c,d", "1"])
def test_places_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(Unusable):
        find_adapter(f"two_sets[{text}]+no_context")
