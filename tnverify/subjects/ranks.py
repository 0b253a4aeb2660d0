"""How many spatial dimensions a layer takes."""

from __future__ import annotations

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


def find_rank(
    factory: Factory, adapter: Adapter | None, step: int, device: torch.device | str = "cpu"
) -> int:
    """The number of spatial dimensions that the layer takes, two preferred.

    Raises Unusable with the layer's own words where it takes none of 2, 1, 0 and 3.
    """
    refusal: SubjectRaised | None = None
    only = getattr(step, "spatial", None)  # of an OnlyWidth with one map
    for rank in _RANKS if only is None else (len(only),):
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
                refusal = refusal or raised
            else:
                return rank
    if refusal is None:
        return 2
    error = refusal.error
    raise Unusable(
        "the layer takes no input of (items, channels) with 0 to 3 spatial dimensions:"
        f" {type(error).__name__}: {first_line(error)}"
    )
