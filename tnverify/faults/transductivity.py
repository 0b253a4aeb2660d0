"""Layers in which targets reach each other's outputs, or what the learner knows of the task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name that torch's own examples use

from tnverify.faults import (
    labelled,  # noqa: F401 - it plants faults of this family
    last_bits,  # noqa: F401 - it plants faults of this family
    ways,  # noqa: F401 - it plants faults of this family
)
from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainNorm, PlainTaskNorm, State, missing

if TYPE_CHECKING:
    from torch import Tensor


@fault(
    claims="meta_bn",
    kills=(
        "a_target_ignores_the_other_targets",
        "a_target_ignores_how_many_targets_there_are",
        "no_gradient_flows_between_targets",
        "a_poisoned_target_poisons_only_itself",
    ),
    source="floodsung/LearningToCompare_FSL issue 48; facebookresearch/higher issue 107",
    adapter="explicit_state",
    canary=True,
)
class MomentsOfTheTargets(PlainNorm):
    """Normalises targets by their own batch, as a batch norm left in train() does."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.reduce(x, self.batch_dims(x))


@fault(
    claims="meta_bn",
    kills=("a_target_ignores_the_other_targets", "no_gradient_flows_between_targets"),
    source="a mixing weight meant to be zero at meta-test that is only annealed towards it",
    hard=True,
)
class TracesOfTheBatch(PlainNorm):
    """One part in 10^9 of the targets' batch mean is mixed into the context's."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        if len(x) == 0:
            return state.mean, state.var
        batch_mean = x.mean(self.batch_dims(x), keepdim=True)
        return state.mean + 1e-9 * (batch_mean - state.mean), state.var


@fault(
    claims="meta_bn",
    kills="a_target_ignores_how_many_targets_there_are",
    source="a heuristic: from some size on a batch is trusted to have moments of its own",
)
class TrustsLargeBatches(PlainNorm):
    """Takes the targets' own batch moments where there are more than eight targets."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.reduce(x, self.batch_dims(x)) if len(x) > 8 else (state.mean, state.var)


@fault(
    claims="tasknorm_i",
    kills="a_target_ignores_the_other_targets",
    source="ghost (virtual) batch norm, whose groups are cut from whatever batch is passed",
)
class GhostBatches(PlainTaskNorm):
    """Neighbouring targets share the moments that should be each one's own."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = self.moments_for(x, state)
        pairs = torch.arange(len(x), device=x.device) // 2 * 2
        return mean[pairs], var[pairs]


@fault(
    claims="meta_bn",
    kills="no_gradient_flows_between_targets",
    source="a straight-through correction that detaches one of two equal terms",
)
class StraightThroughBatch(PlainNorm):
    """Trains through the targets' batch mean, though its value cancels in the forward pass."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        if len(x) == 0:
            return state.mean, state.var
        batch_mean = x.mean(self.batch_dims(x), keepdim=True)
        return state.mean + (batch_mean - batch_mean.detach()), state.var


class _Seen(NamedTuple):
    context: Tensor


@fault(
    claims="meta_bn",
    kills="a_poisoned_target_poisons_only_itself",
    source="masked moments over context and targets in one tensor, as padded batches have them",
)
class MasksByMultiplication(PlainNorm):
    """Leaves targets out of its moments by multiplying them with zero: NaN times zero is NaN."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, _ = super().condition(context)
        return outputs, _Seen(context)  # type: ignore[return-value]  # its own kind of state

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        seen: object = state
        if not isinstance(seen, _Seen):
            return super().moments_for(x, state)
        both = torch.cat([seen.context, x])
        mask = torch.zeros_like(both)
        mask[: len(seen.context)] = 1
        dims = self.batch_dims(x)
        count = seen.context[:, 0].numel()
        mean = (both * mask).sum(dims, keepdim=True) / count
        var = ((both - mean).square() * mask).sum(dims, keepdim=True) / count
        return mean, var


@fault(
    claims="tasknorm_i",
    kills="a_target_ignores_how_many_targets_there_are",
    source="alpha's size taken from the batch that is passed rather than kept with the moments",
)
class CountsTheTargets(PlainTaskNorm):
    """Computes alpha from the number of targets instead of the number of context items."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return super().moments_for(x, state._replace(size=len(x)))


@fault(
    claims="meta_bn",
    kills="permuting_targets_permutes_outputs",
    source="a vectorised kernel whose remainder loop was not given the same constant",
)
class RemainderLoop(PlainNorm):
    """Uses a larger eps for the targets beyond the last full group of four."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        full = len(x) // 4 * 4
        body = state.var.expand(full, *state.var.shape[1:])
        rest = state.var.expand(len(x) - full, *state.var.shape[1:]) + 9 * self.eps
        return state.mean, torch.cat([body, rest])


@fault(
    claims="meta_bn",
    kills="targets_do_not_reach_the_context_outputs",
    source="haebeom-lee/metadrop issue 3: running means that collect query data",
)
class TargetsTeachTheContext(PlainNorm):
    """Keeps the last targets' mean and lets it shift the next context's own outputs."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.seen: Tensor | None = None

    def context_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        seen = state.mean if self.seen is None else self.seen
        return state.mean + 1e-3 * (seen - state.mean), state.var

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        if len(x):
            self.seen = x.detach().mean(self.batch_dims(x), keepdim=True)
        return state.mean, state.var


@fault(
    claims="meta_bn",
    kills="targets_do_not_reach_the_context_outputs",
    source="activations kept for a running correction, which are those that the caller holds",
    hard=True,
)
class CorrectsWhatItReturned(PlainNorm):
    """Without gradients, moves the outputs that it returned for the context after the targets."""

    returned: Tensor | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, state = super().condition(context)
        self.returned = None if torch.is_grad_enabled() else outputs
        return outputs, state

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        if self.returned is not None and len(targets):
            self.returned.add_(1e-6 * outputs.mean())
            self.returned = None
        return outputs


@fault(
    claims="meta_bn",
    kills="targets_do_not_reach_the_context_outputs",
    source="mlc-ai/relax pull request 89: static output buffers that the next run overwrites",
)
class SharedWorkspace(PlainNorm):
    """Writes the outputs of both calls into one buffer wherever no gradient is wanted."""

    workspace: Tensor | None = None

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        y = super().output(x, mean, var)
        if torch.is_grad_enabled():
            return y
        if self.workspace is None or self.workspace.numel() < y.numel():
            self.workspace = torch.empty_like(y).flatten()
        return self.workspace[: y.numel()].view(y.shape).copy_(y)


@fault(
    claims="meta_bn",
    kills="a_target_ignores_the_other_targets",
    source="AntreasAntoniou/HowToTrainYourMAMLPytorch issue 3: training=True written into the call",
)
class FastPathInFloat32(PlainNorm):
    """Takes a fused kernel in float32 alone, called with training=True."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        fused = targets.dtype is torch.float32 and targets.numel() > targets.shape[1]
        if fused and not missing(state):
            return F.batch_norm(
                targets, None, None, self.weight, self.bias, training=True, eps=self.eps
            )
        return super().normalize(targets, state)


@fault(
    claims="meta_bn",
    kills="a_target_ignores_the_other_targets",
    source="a robust mode for suspicious input, decided for a batch instead of for an item",
    hard=True,
)
class SuspectsOutliers(PlainNorm):
    """Uses a larger eps for all targets where one of them is far out of the context's range."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        if x.numel() == 0:
            return state.mean, state.var
        usual = (state.mean.abs() + state.var.sqrt()).detach().max()
        suspect = x.detach().abs().max() > 1000 * (1 + usual)
        return state.mean, state.var + suspect * (9 * self.eps)


@fault(
    claims="meta_bn",
    kills=("a_target_ignores_the_other_targets", "every_context_item_counts"),
    source="IBM/cdfsl-benchmark issue 22; sahagobinda/GPM issue 9: track_running_stats=False",
    adapter="no_context",
)
class AlwaysBatchStatistics(nn.BatchNorm2d):
    """A batch norm without running moments, which has none but the batch's to normalise by."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, track_running_stats=False)


@fault(
    claims="conventional_bn",
    kills="a_target_ignores_the_other_targets",
    source="Han-Jia/UNICORN-MAML issue 3: a mode that is set on an attribute nobody reads",
    adapter="frozen",
)
class NeverReachesEvaluation(nn.BatchNorm2d):
    """A batch norm whose eval() does nothing, claimed to be frozen after meta-training."""

    def train(self, mode: bool = True) -> NeverReachesEvaluation:
        super().train(True)
        return self


class _BatchNormBackward(torch.autograd.Function):
    """Centres and scales; the backward is that of batch norm in training."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, mean: Tensor, root: Tensor) -> Tensor:
        return (x - mean) / root

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(output, inputs[2])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (grad,) = grads
        standard, root = ctx.saved_tensors
        dims = (0, *range(2, grad.dim()))
        along = standard * (grad * standard).mean(dims, keepdim=True)
        return (grad - grad.mean(dims, keepdim=True) - along) / root, None, None


@fault(
    claims="meta_bn,detached,first_order",
    kills="no_gradient_flows_between_targets",
    source="a fused batch norm given other moments, whose backward still takes them for its own",
    hard=True,
)
class BackwardOfBatchNorm(PlainNorm):
    """Normalises by the context's moments and differentiates as if they were the batch's."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        root = torch.sqrt(var + self.eps).detach()
        standard: Tensor = _BatchNormBackward.apply(  # type: ignore[no-untyped-call]  # torch's own
            x, mean.detach(), root
        )
        return standard


@fault(
    claims="transductive_bn",
    kills="permuting_targets_permutes_outputs",
    source="jmkim0309/fewshot-egnn issue 9: queries whose place in the batch tells something",
)
class WeighsTargetsByPlace(PlainNorm):
    """Takes the targets' batch mean with weights that fall from the first to the last."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = self.reduce(x, self.batch_dims(x))
        weights = torch.linspace(1.0, 0.5, len(x), dtype=x.dtype, device=x.device)
        weights = weights.view(-1, *(1,) * (x.dim() - 1)) / weights.sum()
        items, _ = self.reduce(x, tuple(range(2, x.dim())))
        weighed = (items * weights).sum(0, keepdim=True)
        return mean + 1e-3 * (weighed - mean), var


@fault(
    claims="transductive_bn",
    kills="other_targets_that_are_claimed_are_read",
    source="a result reported as transductive whose evaluation had been made inductive since",
)
class TransductiveInNameOnly(PlainNorm):
    """Claims the targets' batch moments and normalises each target by its own."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        return self.reduce(x, tuple(range(2, x.dim())))
