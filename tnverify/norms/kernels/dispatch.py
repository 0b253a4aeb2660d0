"""The one place that chooses how a set is normalised, by device, layout and size."""

from __future__ import annotations

from tnverify.norms.kernels.plain import batch_moments, normalize

__all__ = ["batch_moments", "normalize"]
