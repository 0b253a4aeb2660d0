"""Tasks for a user's own tests: the plans that laws are asked with, as a Hypothesis strategy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument

from tnverify.plans import plans

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from tnverify.contract import Task
    from tnverify.plans import Plan


def tasks(
    *,
    context: int | None = None,
    min_context: int = 1,
    max_context: int | None = None,
    targets: int | None = None,
    min_targets: int = 0,
    max_targets: int | None = None,
    channels: int | None = None,
    min_channels: int = 1,
    max_channels: int | None = None,
    side: int | None = None,
    min_side: int = 1,
    max_side: int | None = None,
    rank: int = 2,
    step: int = 1,
    allow_past: bool = False,
    dtype: torch.dtype = torch.float32,
) -> SearchStrategy[Task]:
    """Return a strategy of few-shot tasks, most of them small and a few as large as real use.

    >>> import tnverify
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(tnverify.tasks(min_targets=2, channels=64))
    ... def test_mine(task):
    ...     assert task.targets.shape[:2] >= (2, 64)
    >>> test_mine()

    - `context`, `targets`, `channels`, `side`: the one number of items, channels and pixels a side;
      or limits of it, `min_context` and `max_context` and so on.
    - `rank`: the number of spatial dimensions, 0 to 3. `step`: channels are a multiple of it.
    - `allow_past`: whether most tasks have one or two earlier tasks of meta-training.
    - `dtype`: of the values, which are drawn in float64 and rounded once.

    A task has `context` and `targets` of shape (items, channels, *spatial), `parameters` for a
    layer and `past`. Shrinks towards fewer and smaller everything. Raises InvalidArgument when
    first drawn from.
    """
    given = {
        "context": (context, min_context, max_context, 1),
        "targets": (targets, min_targets, max_targets, 0),
        "channels": (channels, min_channels, max_channels, 1),
        "side": (side, min_side, max_side, 1),
    }
    bounds: dict[str, int | None] = {}
    for name, (exact, least, most, lowest) in given.items():
        if exact is not None and (least != lowest or most is not None):
            wrong = f"{name}={exact} is the one number of it: leave limits out"
            return st.builds(_refuse, st.just(wrong))
        bounds[f"min_{name}"] = least if exact is None else exact
        bounds[f"max_{name}"] = most if exact is None else exact
    drawn = plans(rank=rank, step=step, allow_past=allow_past, **bounds)  # type: ignore[arg-type]  # least are numbers
    return drawn.map(partial(_built, dtype=dtype))


def _built(plan: Plan, dtype: torch.dtype) -> Task:
    return plan.build(dtype)


def _refuse(message: str) -> Task:
    """Say what is wrong with arguments, as Hypothesis does: when it is first drawn from."""
    raise InvalidArgument(message)
