"""What `tnverify verify` verifies where no layer is named: the reference layers and torch's."""

from __future__ import annotations

from tnverify.norms import BY_SCHEME
from tnverify.subjects import SubjectRequest

_TORCH = (
    SubjectRequest("torch.nn:BatchNorm2d", adapter="frozen"),
    # Always batch statistics. What it is must be declared: undeclared it violates.
    SubjectRequest(
        "torch.nn:BatchNorm2d(channels, track_running_stats=False)", claims="transductive_bn"
    ),
    SubjectRequest("torch.nn:InstanceNorm2d"),
    SubjectRequest("torch.nn:GroupNorm(2, channels)"),
    SubjectRequest("torch.nn:LayerNorm([channels, *spatial])"),
)


def default_requests() -> list[SubjectRequest]:
    """Every reference layer under the scheme that it is, then torch's own layers."""
    reference = [
        SubjectRequest(f"tnverify.norms:{layer.__name__}", claims=scheme)
        for scheme, layer in BY_SCHEME.items()
    ]
    return [*reference, *_TORCH]
