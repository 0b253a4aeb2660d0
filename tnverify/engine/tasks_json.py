"""Tasks as JSON-ready values, and back: what reports, reproducers and waivers share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.task import Parameters, Task
from tnverify.plans import Plan
from tnverify.subjects.trace import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from tnverify.subjects.subject import Subject

MOST_VALUES = 400
"""A task with more values than this is written as the plan that rebuilds it."""

MOST_SHOWN = 24
"""A set with more values than this is shown to a person by its shape."""


def is_literal(task: Task) -> bool:
    return task.context.numel() + task.targets.numel() <= MOST_VALUES


def recipe_of(task: Task, drawn: Plan, lane: str) -> dict[str, Any]:
    """What rebuilds the task beside its values: parameters, salt, past, and the plan drawn."""
    recipe: dict[str, Any] = {"lane": lane, "drawn": drawn.as_json()}
    if is_literal(task):
        parameters = task.parameters
        recipe |= {
            "weight": list(parameters.weight or ()),
            "bias": list(parameters.bias or ()),
            "scale": parameters.scale,
            "offset": parameters.offset,
            "spread": parameters.spread,
            "salt": task.salt,
            "past": [[values_of(c), values_of(t)] for c, t in task.past],
        }
    return {key: _named(value) for key, value in recipe.items()}


def rebuild(
    recipe: Mapping[str, Any], context: list[Any], target: list[Any], subject: Subject
) -> Task:
    """The task of a counterexample. Raises ValueError where the recipe rebuilds none."""
    dtype = subject.dtype(str(recipe.get("lane", "float64")))
    try:
        if "salt" not in recipe:
            return Plan.from_json(_read(recipe["drawn"])).build(dtype, subject.device)

        def tensor(values: list[Any]) -> Tensor:
            read = torch.tensor(_numbers(values), dtype=torch.float64)
            return read.to(subject.device, dtype)

        items = tensor(context)
        return Task(
            items,
            tensor(target) if target else items.new_empty((0, *items.shape[1:])),
            Parameters(
                tuple(_numbers(recipe["weight"])) or None,
                tuple(_numbers(recipe["bias"])) or None,
                float(recipe["scale"]),
                float(recipe["offset"]),
                float(recipe.get("spread", 0.0)),
            ),
            tuple((tensor(c), tensor(t)) for c, t in recipe["past"]),
            salt=int(recipe["salt"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a task that cannot be rebuilt: {error}") from None


def values_of(x: Tensor) -> list[Any]:
    """Nested lists of numbers; NaN and infinities as the strings NaN, Infinity, -Infinity."""
    return _named(x.detach().double().cpu().tolist())  # type: ignore[no-any-return]  # a list


def _named(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_named(v) for v in value]
    if isinstance(value, dict):
        return {key: _named(v) for key, v in value.items()}
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value == math.inf else "-Infinity"


def _numbers(value: Any) -> Any:
    """The inverse of `_named`: float() reads all three strings."""
    return [_numbers(v) for v in value] if isinstance(value, list) else float(value)


def _read(value: Any) -> Any:
    """The inverse of `_named` where other words stand among the numbers."""
    if isinstance(value, list):
        return [_read(v) for v in value]
    if isinstance(value, dict):
        return {key: _read(v) for key, v in value.items()}
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def summary_of(task: Task) -> str:
    """The task in a line that reads well: `context [0, 0, 0, 1], target [0]`."""
    parts = [_set_in_words("context", task.context), _set_in_words("target", task.targets)]
    parameters = task.parameters
    if parameters.weight and set(parameters.weight) != {1.0}:
        parts.append(f"weight {_list(parameters.weight)}")
    if parameters.bias and set(parameters.bias) != {0.0}:
        parts.append(f"bias {_list(parameters.bias)}")
    if parameters.scale or parameters.offset:
        parts.append(f"scale {parameters.scale:g}, offset {parameters.offset:g}")
    if parameters.spread:
        parts.append("other parameters away from their initial values")
    if task.past:
        tasks = "1 task" if len(task.past) == 1 else f"{len(task.past)} tasks"
        parts.append(f"after {tasks} of meta-training")
    return ", ".join(parts)


def _set_in_words(name: str, x: Tensor) -> str:
    if x.numel() > MOST_SHOWN:
        return f"{name} of shape {tuple(x.shape)}"
    return f"{name} {in_words(x)}"


def _list(values: tuple[float, ...]) -> str:
    return f"[{', '.join(f'{v:.6g}' for v in values)}]"
