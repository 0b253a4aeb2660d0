"""What a planted learner, predictor or evaluation is, and the register of them."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Kind = Literal["learner", "predictor", "evaluation"]

FAMILIES: tuple[str, ...] = (
    "normalised",
    "heads",
    "rare",
    "stateful",
    "untidy",
    "labelled",
    "shaped",
    "batched",
    "padded",
    "declared",
    "estimators",
    "evaluations",
)
"""Modules of planted subjects; each is a kind of place where the defect lies."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A subject of an audit with one deliberate defect.

    `factory` takes nothing and returns a fresh subject, alike each time. `claims` is what the
    subject says of itself, `kills` the laws of which each must find it, and `source` where the
    defect was seen, or why someone would write it. `hard` marks a defect that leaves the obvious
    comparison, of other targets replaced by others like them, exactly equal. `options` are given
    to the audit.
    """

    name: str
    family: str
    kind: Kind
    factory: Callable[[], object]
    claims: str
    kills: tuple[str, ...]
    source: str
    hard: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def story(self) -> str:
        """What is wrong with the subject: the factory's docstring."""
        return inspect.getdoc(self.factory) or ""

    @property
    def spec(self) -> str:
        """How the command line names it."""
        return f"{self.factory.__module__}:{self.name}"


_register: dict[str, Planted] = {}


def planted(
    *,
    kills: tuple[str, ...] | str,
    source: str,
    kind: Kind = "learner",
    claims: str = "inductive",
    hard: bool = False,
    **options: Any,
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Register the decorated class (or factory) as a planted subject of its module's family.

    Its name is the subject's name; the docstring, which is required, tells the defect.
    """

    def declare(factory: Callable[..., object]) -> Callable[..., object]:
        name = factory.__name__
        if not inspect.getdoc(factory) or "__doc__" not in vars(factory):
            raise TypeError(f"{name} has no docstring: it must tell the defect")
        if name in _register and _register[name].factory.__module__ != factory.__module__:
            raise ValueError(f"two planted subjects are named {name}")
        laws = (kills,) if isinstance(kills, str) else kills
        family = factory.__module__.rsplit(".", 1)[-1]
        _register[name] = Planted(
            name, family, kind, factory, claims, laws, source, hard, dict(options)
        )
        return factory

    return declare


def planted_of(family: str) -> tuple[Planted, ...]:
    """The planted subjects of one family, in the order in which its module plants them."""
    importlib.import_module(f"tnverify.faults.learners.{family}")
    return tuple(each for each in _register.values() if each.family == family)


def all_planted() -> tuple[Planted, ...]:
    """Every planted subject, by family."""
    return tuple(each for family in FAMILIES for each in planted_of(family))
