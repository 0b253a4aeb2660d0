"""What a sound learner, predictor or evaluation is, and the register of them."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MODULES: tuple[str, ...] = (
    "distances",
    "closed_form",
    "gradient_steps",
    "attention",
    "rounding",
    "seeded",
    "remembering",
    "sequences",
    "predictors",
    "declared",
    "estimators",
    "evaluations",
)
"""Modules of sound subjects, each of one idea."""


@dataclass(frozen=True, slots=True)
class SoundSubject:
    """A correct subject of an audit and what it claims.

    `factory` takes nothing. `shows` has should-level laws that it is known to fail, each with the
    reason why it is sound all the same. `options` are given to the audit.
    """

    name: str
    kind: Literal["learner", "predictor", "evaluation"]
    factory: Callable[[], object]
    claims: str
    shows: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def story(self) -> str:
        """How the subject is formulated: its docstring."""
        return inspect.getdoc(self.factory) or ""

    @property
    def spec(self) -> str:
        """How the command line names it."""
        return f"{self.factory.__module__}:{self.name}"


_register: dict[str, SoundSubject] = {}


def sound(
    *,
    kind: Literal["learner", "predictor", "evaluation"] = "learner",
    claims: str = "inductive",
    shows: Mapping[str, str] | None = None,
    **options: Any,
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Register the decorated class as a sound subject of the study."""

    def declare(factory: Callable[..., object]) -> Callable[..., object]:
        name = factory.__name__
        if "__doc__" not in vars(factory) or not factory.__doc__:
            raise TypeError(f"{name} has no docstring: it must tell the formulation")
        _register[name] = SoundSubject(
            name, kind, factory, claims, dict(shows or {}), dict(options)
        )
        return factory

    return declare


def all_sound() -> tuple[SoundSubject, ...]:
    """Every sound subject, by module and then by place in it."""
    for module in MODULES:
        importlib.import_module(f"tnverify.power.sound.learners.{module}")
    return tuple(_register.values())
