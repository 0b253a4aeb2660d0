"""How many spatial dimensions a layer takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised, first_line
from tnverify.subjects.building import build, native_dtype, placed
from tnverify.subjects.guard import calling
from tnverify.subjects.ordinary import COMPLAINTS, ordinary
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from tnverify.contract.task import Task
    from tnverify.subjects.adapters import Adapter
    from tnverify.subjects.subject import Factory

_RANKS = (2, 1, 0, 3)
_NAMED = re.compile(r"(?<![0-9])([123])[dD](?![a-z])")


def named_rank(factory: Factory) -> int | None:
    """The number of spatial dimensions that a layer's name gives, as in BatchNorm1d; else None."""
    found = None if factory.spec is None else _NAMED.search(factory.spec.name)
    return int(found[1]) if found else None


def find_rank(
    factory: Factory, adapter: Adapter | None, step: int, device: torch.device | str = "cpu"
) -> int:
    """The number of spatial dimensions that the layer takes: the one in its name, else two, first.

    A layer that is built for no number of channels, and runs on maps by accident, as norms of nodes
    and of tokens do that take the last dimension for the channels, is one of vectors where it takes
    these.
    Raises Unusable with the layer's own words where it takes none of 2, 1, 0 and 3. A layer that
    raises the same error at each does not refuse a rank: it is for others to say so.
    """
    refusals: list[SubjectRaised] = []
    named = named_rank(factory)
    only = getattr(step, "spatial", None)  # of an OnlyWidth with one map
    ranks = _RANKS if only is None else (len(only),)
    call = _Call(factory, adapter, device)
    for rank in sorted(ranks, key=lambda rank: rank != named):
        plan = ordinary(rank, step)
        for dtype in (torch.float32, torch.float64):
            task = plan.build(dtype, device)
            try:
                if native_dtype(build(factory, task.channels, task.spatial)) is not dtype:
                    continue
                call.answer(task)
            except SubjectRaised as raised:
                if not isinstance(raised.error, COMPLAINTS):
                    return rank  # no complaint about the input: the laws will report it
                refusals.append(raised)
            else:
                is_open = rank == 2 and named is None and only is None and not factory.told
                return 0 if is_open and _takes_maps_by_accident(call, step, dtype) else rank
    if len({str(raised) for raised in refusals}) <= 1:
        return 2 if named is None else named
    error = refusals[0].error
    raise Unusable(
        "the layer takes no input of (items, channels) with 0 to 3 spatial dimensions:"
        f" {type(error).__name__}: {first_line(error)}"
    )


@dataclass(frozen=True, slots=True)
class _Call:
    """Calls of a fresh layer, so that a rank can be tried."""

    factory: Factory
    adapter: Adapter | None
    device: torch.device | str

    def answer(self, task: Task, *, again: bool = False) -> Any:
        """The outputs for the task's context, from the second of two calls where it is to come
        again."""
        layer = placed(self.factory, task.channels, task.spatial, self.device)
        with calling("condition"), torch.no_grad():
            call = layer if self.adapter is None else self.adapter.wrap(layer).condition
            if again:
                call(task.context.clone())
            answer = call(task.context)
        return answer[0] if isinstance(answer, tuple) and answer else answer


def _takes_maps_by_accident(call: _Call, step: int, dtype: torch.dtype) -> bool:
    """Whether maps that are turned come out otherwise than turned, and vectors are taken, too.

    Nothing is said of a layer that remembers or draws random numbers, or that does not take turned
    maps.
    """
    task, vectors = (ordinary(rank, step).build(dtype, call.device) for rank in (2, 0))
    turned = task.with_sets(task.context.mT.contiguous(), task.targets.mT.contiguous())
    try:
        first, again = call.answer(task), call.answer(task, again=True)
        if not _alike(first, again) or _alike(call.answer(turned).mT, first):
            return False
        call.answer(vectors)
    except (SubjectRaised, AttributeError, RuntimeError):
        return False
    return True


def runs_on_maps(
    factory: Factory, adapter: Adapter, step: int, device: torch.device | str = "cpu"
) -> bool:
    """Whether the layer answers on maps, of its own dtype, whatever it is taken to be for."""
    dtype = native_dtype(build(factory, 3 * step, (5, 4)))
    try:
        _Call(factory, adapter, device).answer(ordinary(2, step).build(dtype, device))
    except SubjectRaised:
        return False
    return True


def _alike(one: Any, other: Any) -> bool:
    if not (isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)):
        return False
    room = 1e-5 * (1.0 + float(one.abs().nan_to_num().max()))
    return one.shape == other.shape and torch.allclose(one, other, rtol=0.0, atol=room)
