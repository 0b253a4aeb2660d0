"""What conditioning on a context leaves behind for the targets, and the refusals around it."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from torch import Tensor

from tnverify.norms.moments import Moments, merge, moments_dtype


class NotConditionedError(RuntimeError):
    """Targets were to be normalised without the state that conditioning on a context returns."""


class ContextState(NamedTuple):
    """The context's batch moments, (1, channels) each, and its number of items.

    Tensors only, the counts among them, so that it passes through every transform.
    """

    moments: Moments
    size: Tensor


class EmptyState(NamedTuple):
    """What a scheme that keeps nothing of the context leaves: the context's number of items."""

    size: Tensor


State = TypeVar("State", ContextState, EmptyState)


def context_size(context: Tensor) -> Tensor:
    """The number of context items as a tensor of no dimensions, made without waiting for a GPU."""
    return context.new_full((), context.shape[0], dtype=moments_dtype(context))


def remembered(context: Tensor, batch: Moments) -> ContextState:
    """The state that a context with these batch moments leaves."""
    count = batch.count
    if not isinstance(count, Tensor):
        count = context.new_full((), count, dtype=moments_dtype(context))
    return ContextState(batch._replace(count=count), context_size(context))


def merged(
    first: ContextState | EmptyState, second: ContextState | EmptyState
) -> ContextState | EmptyState:
    """The state of a context out of those of two parts of it, of one kind."""
    size = first.size + second.size
    if isinstance(first, ContextState) and isinstance(second, ContextState):
        return ContextState(merge(first.moments, second.moments), size)
    return EmptyState(size)


def expect_state(state: object, kind: type[State]) -> State:
    """`state` itself where it is what conditioning returned; else raises NotConditionedError."""
    if not isinstance(state, kind):
        raise NotConditionedError(
            f"normalize got {'no state' if state is None else f'a {type(state).__name__}'} where"
            f" a {kind.__name__} is needed: call condition(context) first and pass on the state"
            " that it returns"
        )
    return state


def expect_context(state: object, targets: Tensor) -> ContextState:
    """`state` itself where it is that of a context of as many channels as the targets have.

    Raises NotConditionedError where it is no such state, ValueError where channels differ.
    """
    kept = expect_state(state, ContextState)
    if kept.moments.mean.shape[1] != targets.shape[1]:
        raise ValueError(
            f"the state is of a context with {kept.moments.mean.shape[1]} channels, the targets"
            f" have {targets.shape[1]}: condition on a context of this task"
        )
    return kept
