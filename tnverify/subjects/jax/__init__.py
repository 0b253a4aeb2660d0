"""JAX layers behind torch: flax (nnx and linen), equinox and haiku.

A JAX layer is taken apart into a pure function of its arrays, which a torch module then holds as
parameters and buffers. Values, gradients of any order and changed state go through JAX. Nothing
here imports JAX until an object is met whose class comes from one of its libraries.
"""

from tnverify.subjects.jax.bridge import bridged, is_bridged
from tnverify.subjects.jax.building import is_jax, jax_call, jax_signature

__all__ = ["bridged", "is_bridged", "is_jax", "jax_call", "jax_signature"]
