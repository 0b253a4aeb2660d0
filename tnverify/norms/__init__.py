"""The reference layers: every normalisation of the paper, ready to be trained with.

    layer = TaskNormI(64)
    context_outputs, state = layer.condition(context)
    target_outputs = layer.normalize(targets, state)

A whole network: `TaskNetwork(convert(network, "tasknorm_i"))`, with the same two calls.
How layers compute here, by compiled kernels or not: `backend()`.
Contexts too large for memory: `state_of_chunks` for a layer, `condition_in_chunks` for a network.
"""

from tnverify.norms.batch_renorm import BatchRenorm
from tnverify.norms.chunks import condition_in_chunks, state_of_chunks
from tnverify.norms.conventional_bn import ConventionalBN
from tnverify.norms.convert import convert
from tnverify.norms.kernels.native import backend
from tnverify.norms.layer import Layer
from tnverify.norms.meta_bn import MetaBN
from tnverify.norms.moments import Moments
from tnverify.norms.network import NetworkState, TaskNetwork
from tnverify.norms.no_norm import NoNorm
from tnverify.norms.own_moments import GroupNorm, InstanceNorm, LayerNorm
from tnverify.norms.reptile_norm import ReptileNorm
from tnverify.norms.schemes import BY_SCHEME
from tnverify.norms.state import ContextState, EmptyState, NotConditionedError
from tnverify.norms.tasknorm import TaskNormI, TaskNormL
from tnverify.norms.tasknorm_r import TaskNormR
from tnverify.norms.transductive_bn import TransductiveBN

__all__ = [
    "BY_SCHEME",
    "BatchRenorm",
    "ContextState",
    "ConventionalBN",
    "EmptyState",
    "GroupNorm",
    "InstanceNorm",
    "Layer",
    "LayerNorm",
    "MetaBN",
    "Moments",
    "NetworkState",
    "NoNorm",
    "NotConditionedError",
    "ReptileNorm",
    "TaskNetwork",
    "TaskNormI",
    "TaskNormL",
    "TaskNormR",
    "TransductiveBN",
    "backend",
    "condition_in_chunks",
    "convert",
    "state_of_chunks",
]
