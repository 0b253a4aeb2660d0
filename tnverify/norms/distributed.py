"""Contexts that lie in parts on several processes: conditioned as one, each on its own part.

    outputs, state = condition_in_shards(network, shard)
    target_outputs = network.normalize(targets, state)

Every process of an initialised `torch.distributed` calls with its own part, be it empty, and gets
the outputs for that part and the task state of the whole context. What is summed over processes
are counts, then means, then squares about the mean of all, so no digits are lost to the distance
of values from zero.

Gradients are those of the sum of all processes' losses; a parameter's are to be summed over the
processes, as ever. Every process must take part in every backward pass, with an empty part too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.autograd import Function

from tnverify.norms.kernels.primitives import applied
from tnverify.norms.moments import Moments
from tnverify.norms.network_pass import Pass, passing
from tnverify.norms.state import ContextState, EmptyState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from torch.distributed import ProcessGroup

    from tnverify.norms.layer import Layer
    from tnverify.norms.network import NetworkState, TaskNetwork


def condition_in_shards(
    network: TaskNetwork, shard: Any, group: ProcessGroup | None = None
) -> tuple[Any, NetworkState]:
    """The network's outputs for this process' part of a context, and the state of the whole.

    The same as `network.condition` on the whole context, item by item. `group` is the processes
    that share the context, all of them where it is None. An empty part has no items and the
    shape of the others else. Raises ValueError, in every process, where all parts are empty.
    """
    with passing(PassOverShard(network.layer_names(), group)) as over:
        outputs = network.network(shard)
    return outputs, over.left


def state_of_shards(
    layer: Layer, shard: Tensor, group: ProcessGroup | None = None
) -> ContextState | EmptyState:
    """The task state of a context of which this process has a part, (items, channels, *spatial).

    Outputs for the part's items are `layer.of_context(shard, state)`. For `group` and errors see
    `condition_in_shards`.
    """
    # An empty part is summarised as one item of zeros, and given no weight: so it refuses what
    # the others refuse, and the layers before it take part in the backward pass.
    own = layer.summarized(shard if len(shard) else shard.sum(0, keepdim=True))
    values = shard.numel() // layer.channels
    recorded = torch.is_grad_enabled() and isinstance(own, ContextState) and _recorded(own.moments)
    counts = own.size.new_tensor([len(shard), values, recorded], dtype=torch.float64)
    items, total, somewhere = _summed(counts, group).tolist()
    if not total:
        raise ValueError("the context has no items in any of its shards: pass at least one")
    size = torch.full_like(own.size, items)
    if isinstance(own, EmptyState):
        return EmptyState(size)
    mean, var = (part.double() for part in own.moments[:2])
    if somewhere and not recorded:
        # Where one process records the sums for backward all must, or it would wait for them.
        mean.requires_grad_()
    share = values / total
    whole_mean = _summed(mean * share, group)
    whole_var = _summed((var + (mean - whole_mean).square()) * share, group)
    dtype = own.moments.mean.dtype
    count = torch.full_like(own.size, total)
    return ContextState(Moments(whole_mean.to(dtype), whole_var.to(dtype), count), size)


class PassOverShard(Pass):
    """One forward over this process' part of a context."""

    def __init__(self, names: Mapping[int, str], group: ProcessGroup | None) -> None:
        super().__init__(names, None)
        self.group = group

    def called(self, layer: Layer, x: Tensor, key: str) -> Tensor:
        self.left[key] = state = state_of_shards(layer, x, self.group)
        return layer.of_context(x, state)


class SumOverProcesses(Function):
    """(part, group) -> the sum of all processes' parts, in each of them.

    Every process' loss depends on every part, so the derivative is the same sum of derivatives,
    and in its turn differentiable.
    """

    @staticmethod
    def forward(part: Tensor, group: ProcessGroup | None) -> Tensor:
        total = part.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004 - torch passes it
        ctx.group = inputs[1]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _summed(grads[0], ctx.group), None

    @staticmethod
    def vmap(info: Any, dims: tuple[Any, ...], *inputs: Any) -> tuple[Tensor, Any]:  # noqa: ARG004 - as above
        return _summed(*inputs), dims[0]


def _summed(part: Tensor, group: ProcessGroup | None) -> Tensor:
    if not (dist.is_available() and dist.is_initialized()):
        raise RuntimeError(
            "no processes to share a context with: call torch.distributed.init_process_group"
            " in each of them first"
        )
    total: Tensor = applied(SumOverProcesses, part, group)
    return total


def _recorded(moments: Moments) -> bool:
    return moments.mean.requires_grad or moments.var.requires_grad
