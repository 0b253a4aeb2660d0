"""The formula of each scheme, in a line."""

from __future__ import annotations

_PLAIN = "y = γ (x − μ) / √(σ² + ε) + β"
_POOLED = (
    "y = γ (x − μ) / √(σ² + ε) + β, μ = α μ₁ + (1 − α) μ₂,"
    " σ² = α (σ₁² + (μ₁ − μ)²) + (1 − α) (σ₂² + (μ₂ − μ)²), α = sigmoid(scale · n + offset)"
)
_ROOT = "y = γ x / √(mean of x² + ε)"

_BLENDS = "1: moments of the n context items; 2: "

_FORMULAS = {
    "none": ("y = x", ""),
    "conventional_bn": (_PLAIN, "μ, σ²: running moments of each channel, from meta-training"),
    "batch_renorm": (_PLAIN, "μ, σ²: running moments of each channel, from meta-training"),
    "frozen_bn": (_PLAIN, "μ, σ²: constants that the layer holds"),
    "transductive_bn": (_PLAIN, "μ, σ²: of each channel over all items of the set at hand"),
    "layer_norm": (_PLAIN, "μ, σ²: over the channels and positions of the item itself"),
    "per_pixel_layer_norm": (_PLAIN, "μ, σ²: over the channels at each position"),
    "instance_norm": (_PLAIN, "μ, σ²: of each channel over the positions of the item itself"),
    "group_norm": (_PLAIN, "μ, σ²: over the item's positions in a group of channels"),
    "rms_norm": (_ROOT, "the mean: over the channels at each position"),
    "item_rms_norm": (_ROOT, "the mean: over the channels and positions of the item itself"),
    "reptile_norm": (_PLAIN, "μ, σ²: of each channel over the context and the item together"),
    "meta_bn": (_PLAIN, "μ, σ²: of each channel over the context"),
    "tasknorm_i": (_POOLED, f"{_BLENDS}of the item, each channel by itself"),
    "tasknorm_l": (_POOLED, f"{_BLENDS}of the item, over all channels"),
    "tasknorm_r": (_POOLED, f"{_BLENDS}running moments, from meta-training"),
}


def formula(scheme: str | None) -> tuple[str, str] | None:
    """The formula of a scheme and whose moments are in it; None where it has none."""
    return _FORMULAS.get(scheme or "")
