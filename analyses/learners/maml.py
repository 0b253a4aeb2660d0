"""MAML: a network that a few gradient steps on a context fit to its task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad
from torch.nn.functional import cross_entropy

from tnverify.norms import Layer

from .schemes import keeps_running_moments, normalized, reads_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tnverify.norms.alpha import AlphaForm

    from .learner import Predict
    from .networks import Body

Order = Literal[1, 2]
Weights = dict[str, Tensor]


class MAML(nn.Module):
    """Model-agnostic meta-learning (Finn et al. 2017), of first or second order.

    Each of `steps` steps moves weights and biases of convolutions and of the head by
    `inner_rate` times the gradient of the context's mean cross-entropy. What the normalisation
    layers learn (weight, bias, alpha) is meta-learned but stays in the steps, as in the authors'
    code. Where targets read moments of the context, these are taken anew, with the weights that
    the steps have led to.

    First order takes the steps' gradients as constants. At meta-test it makes no difference, and
    nothing of the second is computed.
    """

    def __init__(
        self,
        body: Body,
        way: int,
        scheme: str,
        *,
        alpha: AlphaForm = "functional",
        per_channel: bool = False,
        steps: int = 1,
        inner_rate: float = 0.4,
        order: Order = 2,
    ) -> None:
        super().__init__()
        if steps < 1:
            raise ValueError(f"steps is {steps}: MAML adapts by one gradient step or more")
        network = nn.Sequential(body, nn.Linear(body.features, way))
        self.network = normalized(network, scheme, alpha=alpha, per_channel=per_channel)
        self.scheme, self.way = scheme, way
        self.steps, self.inner_rate, self.order = steps, inner_rate, order

    def adapted(self, context: Tensor, labels: Tensor, way: int) -> Predict:
        if way != self.way:
            raise ValueError(f"this MAML has a head for {self.way} classes, the task has {way}")
        fast, rest = self._weights()
        second = self.training and self.order == 2
        constant = rest if second else _detached(rest)
        state: object = None
        for _ in range(self.steps):
            here = fast if second else _detached(fast)

            def loss(weights: Weights) -> tuple[Tensor, object]:
                logits, left = functional_call(self.network, constant | weights, (context,))
                return cross_entropy(logits, labels), left

            gradient, state = self._gradient(loss, here, second)
            fast = {name: each - self.inner_rate * gradient[name] for name, each in fast.items()}
        weights = rest | fast
        if reads_context(self.scheme, training=self.training):
            _, state = functional_call(self.network, weights, (context,))

        def predict(targets: Tensor) -> Tensor:
            logits: Tensor = functional_call(self.network, weights, (targets, state))
            return logits

        return predict

    def trained(self) -> Iterator[nn.Parameter]:
        return self.parameters()

    def _gradient(
        self, loss: Callable[[Weights], tuple[Tensor, object]], weights: Weights, second: bool
    ) -> tuple[Weights, object]:
        """The gradient of a loss, itself differentiable where `second`, and what else it gave."""
        if not (self.training and keeps_running_moments(self.scheme)):
            gradient, state = grad(loss, has_aux=True)(weights)
            return gradient, state
        # A transform refuses functions that move running moments; autograd does not.
        with torch.enable_grad():
            here = weights if second else {n: w.requires_grad_() for n, w in weights.items()}
            value, state = loss(here)
            found = torch.autograd.grad(value, list(here.values()), create_graph=second)
        return dict(zip(here, found, strict=True)), state

    def _weights(self) -> tuple[Weights, Weights]:
        """The weights that steps move, and the others, by their names in the network."""
        kept = {
            f"{prefix}.{name}"
            for prefix, module in self.network.named_modules()
            if isinstance(module, Layer)
            for name, _ in module.named_parameters(recurse=False)
        }
        everything = dict(self.network.named_parameters())
        fast: Weights = {name: each for name, each in everything.items() if name not in kept}
        rest: Weights = {name: each for name, each in everything.items() if name in kept}
        return fast, rest


def _detached(weights: Weights) -> Weights:
    return {name: each.detach() for name, each in weights.items()}
