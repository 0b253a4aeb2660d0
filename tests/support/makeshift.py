"""Subjects and laws for tests of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.catalogue import law
from tnverify.faults.plain import PlainNorm
from tnverify.plans import Plan
from tnverify.subjects import Factory, from_factory

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    import torch
    from torch import Tensor

    from tnverify.catalogue import Law
    from tnverify.contract import Prober, Task
    from tnverify.subjects import Subject


def subject(layer: Callable[[int], object], claims: str = "meta_bn") -> Subject:
    """A subject around a class that takes the number of channels."""
    return from_factory(getattr(layer, "__name__", "layer"), Factory(layer), claims)


def normalizing(change: Callable[[Tensor], Tensor]) -> type[PlainNorm]:
    """A sound layer but for `change`, which its targets pass through first."""

    class Changed(PlainNorm):
        def normalize(self, targets: Tensor, state: object) -> Tensor:
            return super().normalize(change(targets), state)  # type: ignore[arg-type]  # State

    return Changed


def law_of(check: Callable[[Prober, Task], None], **declared: object) -> Law:
    """A law of the family `context` made from a function without a docstring of its own."""
    check.__doc__ = check.__doc__ or "A law of a test."
    arguments: dict[str, object] = {"family": "context", "kind": "exact", "source": "a test"}
    return law(**(arguments | declared))(check)  # type: ignore[arg-type]  # as each test says


def devices_built_on(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The devices that plans are built for from now on; what is built lies on the CPU."""
    build = Plan.build
    devices: set[str] = set()

    def noted(plan: Plan, dtype: torch.dtype, device: torch.device | str = "cpu") -> Task:
        devices.add(str(device))
        return build(plan, dtype)

    monkeypatch.setattr(Plan, "build", noted)
    return devices
