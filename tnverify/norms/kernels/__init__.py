"""Ways to compute what a blend describes; `dispatch` chooses among them."""

from tnverify.norms.kernels.dispatch import batch_moments, normalize

__all__ = ["batch_moments", "normalize"]
