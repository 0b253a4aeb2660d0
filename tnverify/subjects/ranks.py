"""How many spatial dimensions a layer takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch

from tnverify.contract.outcomes import SubjectRaised, first_line
from tnverify.subjects.building import native_dtype, placed
from tnverify.subjects.guard import calling
from tnverify.subjects.ordinary import COMPLAINTS, ordinary
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
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

    Raises Unusable with the layer's own words where it takes none of 2, 1, 0 and 3. A layer that
    raises the same error at each does not refuse a rank: it is for others to say so.
    """
    refusals: list[SubjectRaised] = []
    named = named_rank(factory)
    only = getattr(step, "spatial", None)  # of an OnlyWidth with one map
    ranks = _RANKS if only is None else (len(only),)
    for rank in sorted(ranks, key=lambda rank: rank != named):
        plan = ordinary(rank, step)
        for dtype in (torch.float32, torch.float64):
            task = plan.build(dtype, device)
            try:
                layer = placed(factory, task.channels, task.spatial, device)
                if dtype is not native_dtype(layer):
                    continue
                with calling("condition"), torch.no_grad():
                    if adapter is None:
                        layer(task.context)
                    else:
                        adapter.wrap(layer).condition(task.context)
            except SubjectRaised as raised:
                if not isinstance(raised.error, COMPLAINTS):
                    return rank  # no complaint about the input: the laws will report it
                refusals.append(raised)
            else:
                return rank
    if len({str(raised) for raised in refusals}) <= 1:
        return 2 if named is None else named
    error = refusals[0].error
    raise Unusable(
        "the layer takes no input of (items, channels) with 0 to 3 spatial dimensions:"
        f" {type(error).__name__}: {first_line(error)}"
    )
