"""Every reference layer, by the name of its scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.norms.batch_renorm import BatchRenorm
from tnverify.norms.conventional_bn import ConventionalBN
from tnverify.norms.meta_bn import MetaBN
from tnverify.norms.no_norm import NoNorm
from tnverify.norms.own_moments import GroupNorm, InstanceNorm, LayerNorm
from tnverify.norms.reptile_norm import ReptileNorm
from tnverify.norms.tasknorm import TaskNormI, TaskNormL
from tnverify.norms.tasknorm_r import TaskNormR
from tnverify.norms.transductive_bn import TransductiveBN

if TYPE_CHECKING:
    from tnverify.norms.layer import Layer

BY_SCHEME: dict[str, type[Layer]] = {
    layer.scheme: layer
    for layer in (
        NoNorm, ConventionalBN, BatchRenorm, TransductiveBN, LayerNorm, InstanceNorm, GroupNorm,
        ReptileNorm, MetaBN, TaskNormI, TaskNormL, TaskNormR,
    )
}  # fmt: skip
"""The reference layer of each scheme of `tnverify.contract.SCHEMES` that has a formula."""
