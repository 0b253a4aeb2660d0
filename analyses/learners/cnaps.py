"""A CNAPs-like learner: a frozen backbone that a context modulates, and a head that it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tnverify.norms import Layer

from .learner import Predict, class_means
from .networks import Body, conv4
from .schemes import BASELINE, normalized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tnverify.norms.alpha import AlphaForm

_OF_BASELINE = ("conventional_bn", "meta_bn")
"""What the backbone and the set encoder are over where the scheme is the paper's Baseline: moments
of pre-training in the one, which are never moved, and of the set itself in the other."""


class CNAPs(nn.Module):
    """Conditional neural adaptive processes with FiLM (Requeima et al. 2019), made small.

    - The backbone's convolutions, weights and biases are those of pre-training and stay. Its
      normalisation layers are of the scheme, and the alphas of a TaskNorm are trained.
    - A set encoder, over the same scheme, makes one code of the context, and a generator makes
      of it a scale and a shift for each channel of each normalisation layer (FiLM).
    - The head is linear. Its weights and biases for a class are those of a prototypical network,
      2 m and -|m|^2 for the class's mean feature m, plus what a small network makes of m.

    Scales, shifts and additions are 0 at first, so that training starts from the pre-trained
    backbone under nearest class means.
    """

    def __init__(
        self,
        body: Body,
        scheme: str,
        *,
        channels: int,
        side: int,
        alpha: AlphaForm = "functional",
        per_channel: bool = False,
        code: int = 32,
    ) -> None:
        super().__init__()
        of_backbone, of_encoder = _OF_BASELINE if scheme == BASELINE else (scheme, scheme)
        self.frozen_moments = scheme == BASELINE
        self.backbone = normalized(body, of_backbone, alpha=alpha, per_channel=per_channel)
        encoder = conv4(channels=channels, width=code, side=side, reduce="stride")
        self.encoder = normalized(encoder, of_encoder, alpha=alpha, per_channel=per_channel)
        self._modulated = {
            name: module for name, module in self.backbone.named_modules()
            if isinstance(module, Layer)
        }  # fmt: skip
        self.hidden = nn.Sequential(nn.Linear(code, code), nn.ReLU())
        made = 2 * sum(layer.channels for layer in self._modulated.values())
        self.films = _zeroed(nn.Linear(code, made))
        self.of_class = nn.Sequential(nn.Linear(body.features, body.features), nn.ReLU())
        self.additions = _zeroed(nn.Linear(body.features, body.features + 1))
        self._trained = (*self.encoder.parameters(), *self._alphas(), *self._own_parameters())
        learned = {id(parameter) for parameter in self._trained}
        for parameter in self.parameters():
            parameter.requires_grad_(id(parameter) in learned)

    def adapted(self, context: Tensor, labels: Tensor, way: int) -> Predict:
        weights = self._modulation(context)
        features, state = functional_call(self.backbone, weights, (context,))
        means = class_means(features, labels, way)
        added = self.additions(self.of_class(means))
        head = 2.0 * means + added[:, :-1]
        offset = added[:, -1] - means.square().sum(-1)

        def predict(targets: Tensor) -> Tensor:
            features = functional_call(self.backbone, weights, (targets, state))
            logits: Tensor = features @ head.T + offset
            return logits

        return predict

    def trained(self) -> Iterator[nn.Parameter]:
        return iter(self._trained)

    def train(self, mode: bool = True) -> CNAPs:
        super().train(mode)
        if self.frozen_moments:
            self.backbone.eval()
        return self

    def _modulation(self, context: Tensor) -> dict[str, Tensor]:
        """Weights and biases of the backbone's normalisation layers for a task."""
        codes, _ = self.encoder.condition(context)
        films = self.films(self.hidden(codes.mean(0)))
        sizes = [layer.channels for layer in self._modulated.values() for _ in range(2)]
        parts = iter(torch.split(films, sizes))
        weights: dict[str, Tensor] = {}
        for name, layer in self._modulated.items():
            assert layer.weight is not None, "bodies are affine"
            assert layer.bias is not None, "bodies are affine"
            scale = 1.0 + next(parts)
            weights[f"{name}.weight"] = layer.weight * scale
            weights[f"{name}.bias"] = layer.bias * scale + next(parts)
        return weights

    def _alphas(self) -> Iterator[nn.Parameter]:
        for layer in self._modulated.values():
            for name, parameter in layer.named_parameters(recurse=False):
                if name not in {"weight", "bias"}:
                    yield parameter

    def _own_parameters(self) -> Iterator[nn.Parameter]:
        for module in (self.hidden, self.films, self.of_class, self.additions):
            yield from module.parameters()


def _zeroed(linear: nn.Linear) -> nn.Linear:
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.zero_()
    return linear
