"""A mode flag, with the task in buffers of fixed shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.power.sound.common import Blended, along, space, wide
from tnverify.power.sound.register import sound

if TYPE_CHECKING:
    from torch import Tensor


_IN_PLACE = "its buffers are written in place, where vmap has one buffer for all tasks"


@sound("tasknorm_l,detached", shows={"vmap_over_tasks_agrees_with_a_loop": _IN_PLACE})
class TaskInBuffers(Blended):
    """train() and a call copy the context's moments into buffers, eval() and a call read them.

    Buffers hold values and no graph, so the targets' gradient does not reach the context; it is
    copied, saved and loaded like any layer.
    """

    task_mean: Tensor
    task_var: Tensor
    task_items: Tensor

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.register_buffer("task_mean", torch.zeros(channels))
        self.register_buffer("task_var", torch.ones(channels))
        self.register_buffer("task_items", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        given = wide(x)
        if self.training:
            with torch.no_grad():
                over = (0, *space(given))
                var, mean = torch.var_mean(given, over, correction=0)
                self.task_mean.copy_(mean)
                self.task_var.copy_(var)
                self.task_items.fill_(len(given))
        items = int(self.task_items)
        if not items:
            raise RuntimeError("no context yet: call the layer on it in train mode first")
        over = (1, *space(given))
        own_var, own = torch.var_mean(given, over, correction=0, keepdim=True)
        alpha = self.alpha(items)
        mean, var = along(self.task_mean, given), along(self.task_var, given)
        pooled = alpha * mean + (1 - alpha) * own
        var = alpha * (var + (mean - pooled) ** 2) + (1 - alpha) * (own_var + (own - pooled) ** 2)
        return self.affine((given - pooled) / torch.sqrt(var + self.eps)).to(x.dtype)
