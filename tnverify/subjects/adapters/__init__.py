"""Adapters: small objects that turn one calling convention into the Norm protocol.

An adapter takes a layer and returns something with `condition` and `normalize` (and `observe`
where the layer learns something in meta-training). A user's own is any such callable, named
`module:Name` or `file.py:Name` on the command line.
"""

from tnverify.subjects.adapters.base import Adapter, AdapterError
from tnverify.subjects.adapters.explicit import EXPLICIT_STATE
from tnverify.subjects.adapters.frozen import FROZEN
from tnverify.subjects.adapters.handed import HANDED_MOMENTS
from tnverify.subjects.adapters.mode_flag import MODE_FLAG
from tnverify.subjects.adapters.no_context import NO_CONTEXT

ADAPTERS: dict[str, Adapter] = {
    adapter.name: adapter
    for adapter in (EXPLICIT_STATE, HANDED_MOMENTS, MODE_FLAG, FROZEN, NO_CONTEXT)
}
"""Every adapter that ships, by name, in the order in which detection considers them."""

__all__ = ["ADAPTERS", "Adapter", "AdapterError"]
