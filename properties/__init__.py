"""The catalogue: the laws that a normalisation layer of few-shot learning is held to.

One module per family; each lists its laws in `LAWS`. `LAWS` here is all of them, in the order
in which reports show the families. This package imports the contract, the catalogue, the plans,
the tolerances and the oracle, and nothing else of tnverify.
"""

from __future__ import annotations

if __name__ == "properties":
    # A package of this name exists elsewhere, and every law would be registered twice.
    raise ImportError("import it as `tnverify.properties`; `properties` is no package of its own")

from typing import TYPE_CHECKING

from . import (
    batch_size,
    blending,
    context,
    gradients,
    layouts,
    moments,
    numerics,
    state,
    task_isolation,
    tiling,
    training,
    transductivity,
)
from .words import in_words

if TYPE_CHECKING:
    from types import ModuleType

    from tnverify.catalogue import Law

FAMILIES: tuple[ModuleType, ...] = (
    transductivity,
    batch_size,
    blending,
    context,
    task_isolation,
    moments,
    numerics,
    gradients,
    state,
    training,
    layouts,
    tiling,
)
"""The modules of laws, in the catalogue's order."""

LAWS: tuple[Law, ...] = tuple(in_words(law) for family in FAMILIES for law in family.LAWS)
