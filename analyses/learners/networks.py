"""Bodies: networks from images to features, with torch's batch norm where a scheme is to go."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

Reduce = Literal["pool", "stride"]


class Body(nn.Module):
    """Images (items, channels, height, width) to features (items, `features`)."""

    def __init__(self, layers: nn.Module, features: int) -> None:
        super().__init__()
        self.layers, self.features = layers, features

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.layers(images)
        return features


def conv4(*, channels: int, width: int, side: int = 28, reduce: Reduce = "pool") -> Body:
    """Four blocks of 3x3 convolution, normalisation and ReLU, each halving the side.

    - `reduce="pool"`: by 2x2 max-pooling after the ReLU; features are the last map, flattened
      (Snell et al. 2017; the paper's networks for prototypical networks and miniImageNet).
    - `reduce="stride"`: by the convolution's stride; features are the last map's spatial mean
      (the network of MAML on Omniglot, Finn et al. 2017), at a third of the cost.

    Raises ValueError where a map would have no pixel left.
    """
    if side < 16 and reduce == "pool":
        raise ValueError(
            f"conv4 halves a side four times by pooling: 16 pixels or more, not {side}"
        )
    stride = 2 if reduce == "stride" else 1
    blocks: list[nn.Module] = []
    for incoming, outgoing in pairwise((channels, width, width, width, width)):
        blocks += [
            nn.Conv2d(incoming, outgoing, 3, padding=1, stride=stride),
            nn.BatchNorm2d(outgoing),
            nn.ReLU(),
        ]
        if reduce == "pool":
            blocks.append(nn.MaxPool2d(2))
    blocks.append(nn.Flatten() if reduce == "pool" else _SpatialMean())
    left = side // 16 if reduce == "pool" else 1
    return Body(nn.Sequential(*blocks), width * left * left)


def resnet18(*, channels: int, width: int) -> Body:
    """The residual network of the paper's experiments on Meta-Dataset, of any width.

    Eight blocks of two convolutions on `width`, 2, 4 and 8 `width` channels, two blocks each; the
    first convolution 5x5 with stride 2 and no pooling after it; features are the last map's
    spatial mean, 8 `width` of them.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 5, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    incoming = width
    for stage in range(4):
        outgoing = width << stage
        layers += [_Residual(incoming, outgoing, 1 if stage == 0 else 2)]
        layers += [_Residual(outgoing, outgoing, 1)]
        incoming = outgoing
    return Body(nn.Sequential(*layers, _SpatialMean()), incoming)


class _SpatialMean(nn.Module):
    """(items, channels, height, width) to (items, channels). Torch's own pooling to one pixel is
    not deterministic in its gradient on a GPU."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((-2, -1))


class _Residual(nn.Module):
    """Two normalised 3x3 convolutions beside the identity, or a 1x1 one where shapes change."""

    def __init__(self, incoming: int, outgoing: int, stride: int) -> None:
        super().__init__()
        self.along = nn.Sequential(
            nn.Conv2d(incoming, outgoing, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outgoing),
            nn.ReLU(),
            nn.Conv2d(outgoing, outgoing, 3, padding=1, bias=False),
            nn.BatchNorm2d(outgoing),
        )
        self.beside: nn.Module = nn.Identity()
        if stride != 1 or incoming != outgoing:
            self.beside = nn.Sequential(
                nn.Conv2d(incoming, outgoing, 1, stride=stride, bias=False),
                nn.BatchNorm2d(outgoing),
            )
        self.end = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.end(self.along(x) + self.beside(x))
        return outputs
