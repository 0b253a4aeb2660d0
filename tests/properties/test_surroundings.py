"""Laws of what a process shares, beyond what test_families asks of all."""

from __future__ import annotations

import os
import sys
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import pytest
import torch
import trials

from tnverify.contract.surroundings import Functions, kept, surroundings
from tnverify.faults.plain import PlainNorm, State
from tnverify.properties import surroundings as laws

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.catalogue import Law


class RemembersByShape(PlainNorm):
    """Keeps one thing for each shape that it meets, and no more of them than 64."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.ones = lru_cache(64)(torch.ones)

    def summarize(self, context: Tensor) -> State:
        self.ones(*context.shape)
        return super().summarize(context)


class FillsACache(PlainNorm):
    """Keeps the sums of the last 100 contexts."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.sums: dict[float, Tensor] = {}

    def summarize(self, context: Tensor) -> State:
        self.sums[float(context.detach().sum())] = context.detach().mean()
        if len(self.sums) > 100:
            del self.sums[next(iter(self.sums))]
        return super().summarize(context)


class WarnsOnceIsEnough(PlainNorm):
    """Imports what it needs when it is first called, which has a say in warnings."""

    prepared = False

    def summarize(self, context: Tensor) -> State:
        if not WarnsOnceIsEnough.prepared:
            WarnsOnceIsEnough.prepared = True
            warnings.filterwarnings("ignore", message="of a package that is imported late")
        return super().summarize(context)


@pytest.mark.parametrize("layer", [RemembersByShape, FillsACache, WarnsOnceIsEnough])
@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.name)
def test_what_is_done_once_or_bounded_is_no_violation(law: Law, layer: type) -> None:
    tried = trials.try_law(law, trials.subject_of(layer, "meta_bn"), tasks=2)
    assert tried.failures == []
    assert tried.counted


def set_variable() -> None:
    os.environ["TNVERIFY_TEST"] = "1"


CHANGES: list[tuple[Callable[[], object], str]] = [
    (lambda: torch.set_grad_enabled(False), "gradients"),
    (lambda: torch.set_default_dtype(torch.float64), "default dtype"),
    (lambda: torch.set_default_device("meta"), "default device"),
    (lambda: torch.set_num_threads(3), "number of threads"),
    (lambda: torch.use_deterministic_algorithms(True), "deterministic"),
    (lambda: torch.set_flush_denormal(True), "denormals"),
    (lambda: torch.set_float32_matmul_precision("medium"), "matrix products"),
    (lambda: os.chdir("/"), "directory"),
    (set_variable, "environment"),
    (lambda: sys.path.append("somewhere"), "sys.path"),
    (lambda: sys.setrecursionlimit(5000), "recursion"),
    (lambda: warnings.simplefilter("always"), "filters"),
    (lambda: setattr(sys, "stdout", None), "stdout"),
]


@pytest.mark.parametrize(("change", "says"), CHANGES, ids=[says for _, says in CHANGES])
def test_what_is_changed_is_named_and_put_back(change: Callable[[], object], says: str) -> None:
    before = surroundings()
    change()
    assert any(says in told for told in before.put_back())
    assert surroundings().put_back() == []
    with kept():
        change()
    assert before.put_back() == []


def test_functions_that_are_replaced_are_named_and_put_back() -> None:
    before, celu = Functions(), torch.nn.functional.celu
    torch.nn.functional.celu = lambda x: x
    sys.modules["json"] = None  # type: ignore[assignment]  # what hostile code does
    assert before.put_back() == ["sys.modules['json']", "torch.nn.functional.celu"]
    assert torch.nn.functional.celu is celu
    assert sys.modules["json"] is not None
    assert before.put_back() == []


def test_what_torch_replaces_of_its_own_is_no_patch() -> None:
    before = Functions()
    original = torch.manual_seed
    torch.manual_seed = torch.random.seed  # as torch.compile puts its own in the place of it
    try:
        assert before.put_back() == []
    finally:
        torch.manual_seed = original
