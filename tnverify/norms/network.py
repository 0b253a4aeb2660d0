"""A whole network conditioned on a context by one call, its task state in the open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from tnverify.norms.layer import Layer
from tnverify.norms.network_pass import Pass, passing
from tnverify.norms.state import NotConditionedError

NetworkState = dict[str, Any]
"""The task state of each layer, by its name in the network."""


class TaskNetwork(nn.Module):
    """A network whose normalisation layers are those of this package (see `convert`).

        tasks = TaskNetwork(network)
        context_outputs, state = tasks.condition(context)
        target_outputs = tasks.normalize(targets, state)

    The network itself keeps nothing of a task, so it serves many, interleaved or in threads.
    `forward` does both, for `torch.func.functional_call` and wrappers that call nothing else:
    `tasks(context)` conditions, `tasks(targets, state)` normalises. Inputs and outputs are what
    the wrapped network takes and returns. In train mode (meta-training) both move the running
    moments of layers that keep them; in eval mode nothing changes.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def condition(self, context: Any) -> tuple[Any, NetworkState]:
        """The network's outputs for a context, and the task state of every layer."""
        outputs, state = self(context)
        return outputs, state

    def normalize(self, targets: Any, state: NetworkState) -> Any:
        """The network's outputs for targets of the task that `state` is of.

        Raises NotConditionedError where `state` is not what `condition` returned.
        """
        if not isinstance(state, Mapping):
            raise NotConditionedError(
                f"normalize got {'no state' if state is None else f'a {type(state).__name__}'}:"
                " call condition(context) first and pass on the state that it returns"
            )
        return self(targets, state)

    predict = normalize

    def forward(self, inputs: Any, state: NetworkState | None = None) -> Any:
        """As `condition` where there is no state, else as `normalize`."""
        with passing(Pass(self.layer_names(), state)) as over:
            outputs = self.network(inputs)
        return (outputs, over.left) if state is None else outputs

    def layer_names(self) -> dict[int, str]:
        """The name of each normalisation layer in the network, by its identity."""
        return {
            id(module): name
            for name, module in self.network.named_modules()
            if isinstance(module, Layer)
        }
