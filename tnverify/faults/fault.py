"""What a planted fault is, and the register of them."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FAMILIES: tuple[str, ...] = (
    "transductivity",
    "batch_size",
    "blending",
    "context",
    "task_isolation",
    "moments",
    "numerics",
    "gradients",
    "state",
    "training",
    "layouts",
    "sizes",
)
"""Families of laws, in the order of the catalogue; each has a module of faults of its name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A layer with one deliberate defect.

    `factory` is called with the number of channels, as a user's layer is. `claims` is what the
    layer says of itself, `kills` the laws of which each must find it violated or broken, and
    `source` where the defect was seen, or why someone would write it. `adapter` names the
    adapter that drives it (detected where None). `hard` marks a defect that ordinary random
    tasks do not show. `canary` marks the one of its family that wakes every run, which names
    its adapter: to detect it would take longer than all else of waking.
    """

    name: str
    family: str
    factory: Callable[..., object]
    claims: str
    kills: tuple[str, ...]
    source: str
    adapter: str | None = None
    hard: bool = False
    canary: bool = False

    @property
    def story(self) -> str:
        """What is wrong with the layer: the factory's docstring."""
        return inspect.getdoc(self.factory) or ""


_register: dict[str, Fault] = {}


def fault(
    *,
    claims: str,
    kills: tuple[str, ...] | str,
    source: str,
    adapter: str | None = None,
    hard: bool = False,
    canary: bool = False,
    family: str | None = None,
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Register the decorated class (or factory) as a planted fault of its module's family.

    A family with more faults than fit one module names itself as `family` in the others, which
    its own module imports. The name in words is the fault's name; the docstring, which is
    required, tells the defect.
    """

    def declare(factory: Callable[..., object]) -> Callable[..., object]:
        name = factory.__name__
        if not inspect.getdoc(factory) or "__doc__" not in vars(factory):
            raise TypeError(f"fault {name} has no docstring: it must tell the defect")
        if canary and adapter is None:
            raise TypeError(f"fault {name} wakes every run: it must name its adapter")
        if name in _register and _register[name].factory.__module__ != factory.__module__:
            raise ValueError(f"two faults are named {name}")
        _register[name] = Fault(
            name=name,
            family=family or factory.__module__.rsplit(".", 1)[-1],
            factory=factory,
            claims=claims,
            kills=(kills,) if isinstance(kills, str) else kills,
            source=source,
            adapter=adapter,
            hard=hard,
            canary=canary,
        )
        return factory

    return declare


def faults_of(family: str) -> tuple[Fault, ...]:
    """The planted faults of one family, in the order in which its module plants them."""
    importlib.import_module(f"tnverify.faults.{family}")
    return tuple(fault for fault in _register.values() if fault.family == family)


def all_faults() -> tuple[Fault, ...]:
    """Every planted fault, by family in the catalogue's order."""
    return tuple(fault for family in FAMILIES for fault in faults_of(family))
