"""What `tnverify verify` verifies where no layer is named: the reference layers and torch's."""

from __future__ import annotations

from tnverify.norms import BY_SCHEME
from tnverify.subjects import SubjectRecipe

_TORCH = (
    SubjectRecipe("torch.nn:BatchNorm2d", adapter="frozen"),
    # Always batch statistics. What it is must be declared: undeclared it violates.
    SubjectRecipe(
        "torch.nn:BatchNorm2d(channels, track_running_stats=False)", claims="transductive_bn"
    ),
    SubjectRecipe("torch.nn:InstanceNorm2d"),
    SubjectRecipe("torch.nn:GroupNorm(2, channels)"),
    SubjectRecipe("torch.nn:LayerNorm([channels, *spatial])"),
)


def default_requests() -> list[SubjectRecipe]:
    """Every reference layer under the scheme that it is, then torch's own layers."""
    reference = [
        SubjectRecipe(f"tnverify.norms:{layer.__name__}", claims=scheme)
        for scheme, layer in BY_SCHEME.items()
    ]
    return [*reference, *_TORCH]
