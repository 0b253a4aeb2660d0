"""Layers that leave something behind: in their input, in a generator, in parameters, in copies."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tnverify.faults import calls, cast, surroundings  # noqa: F401 - they plant faults of this family
from tnverify.faults.fault import fault
from tnverify.faults.flagged import FlaggedNorm
from tnverify.faults.plain import PlainNorm, PlainTaskNorm, State

if TYPE_CHECKING:
    from torch import Tensor


@fault(
    claims="meta_bn",
    kills="input_is_not_modified",
    source="luigibonati/mlcolvar pull request 119: an in-place step on what others still read",
    adapter="explicit_state",
    canary=True,
)
class CentresInPlace(PlainNorm):
    """Subtracts the mean from the input tensor itself."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        centred = x.data.sub_(mean.detach()) if not x.requires_grad else x - mean
        return centred / torch.sqrt(var + self.eps)


@fault(
    claims="meta_bn",
    kills="input_is_not_modified",
    source="x[x == 0] = eps, written against a logarithm further down",
    hard=True,
)
class NudgesZeros(PlainNorm):
    """Replaces zeros of the targets in place, by values too small to move an output."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        targets.data.masked_fill_(targets.data == 0, 1e-30)
        return outputs


@fault(
    claims="meta_bn",
    kills=("calls_are_deterministic", "calls_draw_no_random_numbers"),
    source="jitter against division by zero, left on after training",
    hard=True,
)
class JittersItsVariance(PlainNorm):
    """Adds a random share of eps, up to a thousandth, to the variance."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().standardize(x, mean, var + 1e-3 * self.eps * torch.rand_like(var))


@fault(
    claims="meta_bn",
    kills="calls_draw_no_random_numbers",
    source="a dropout mask that is drawn before its rate of zero is looked at",
    hard=True,
)
class DrawsWhatItDoesNotUse(PlainNorm):
    """Draws a mask and then keeps everything."""

    rate = 0.0

    def affine(self, y: Tensor) -> Tensor:
        dropped = torch.rand(y.shape) < self.rate
        return super().affine(y) if not dropped.any() else super().affine(y * ~dropped)


@fault(
    claims="meta_bn",
    kills="calls_draw_no_random_numbers",
    source="denizyuret/Knet.jl issue 656; dataxid/dataxid-python issue 187",
)
class ReseedsForRepeatability(PlainNorm):
    """Seeds the global generators of Python and NumPy at every call, to be repeatable."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        random.seed(len(context))
        np.random.seed(len(context))  # noqa: NPY002 - the defect
        return super().condition(context)


@fault(
    claims="meta_bn",
    kills="calls_are_deterministic",
    source="values that depend on a counter, an address or the hash seed of the process",
    hard=True,
)
class NumbersItsInstances(PlainNorm):
    """Shifts the mean by one part in 10^9 for every instance that was built before it."""

    built = itertools.count()

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.number = next(self.built) % 1000

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        return state._replace(mean=state.mean + 1e-9 * self.number)


@fault(
    claims="inductive",
    kills="calls_are_deterministic",
    source="a hash of the global seed, taken for a private stream of random numbers",
    hard=True,
)
class FollowsTheGlobalSeed(PlainNorm):
    """Shifts the mean by up to one part in 10^9 that the program's seed decides."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        return state._replace(mean=state.mean + 1e-12 * (torch.initial_seed() % 1009))


@fault(
    claims="tasknorm_i",
    kills="parameters_do_not_change_in_forward",
    source="weight.data.clamp_ in forward, a constraint that belongs after the optimiser's step",
    hard=True,
)
class ClampsItsWeight(PlainTaskNorm):
    """Makes negative weights zero, for good, the first time that it is called."""

    def affine(self, y: Tensor) -> Tensor:
        outputs = super().affine(y)
        self.weight.data.clamp_(min=0.0)
        return outputs


@fault(
    claims="meta_bn",
    kills="parameters_do_not_change_in_forward",
    source="weight decay applied where weights are read instead of in the optimiser",
    hard=True,
)
class DecaysItsWeight(PlainNorm):
    """Takes one part in ten million off the weight at the end of every target pass."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        self.weight.data.mul_(1 - 1e-7)
        return outputs


@fault(
    claims="meta_bn",
    kills="parameters_do_not_change_in_forward",
    source="requires_grad_(False) for evaluation, with nothing that takes it back for training",
)
class FreezesItsWeight(PlainNorm):
    """Stops training its weight for good at the first prediction without gradients."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        if not torch.is_grad_enabled():
            self.weight.requires_grad_(False)
        return super().normalize(targets, state)


@fault(
    claims="meta_bn",
    kills="tracking_gradients_changes_no_answer",
    source="pytorch/pytorch issue 128209: a fast path taken only where no gradient is tracked",
    hard=True,
)
class OtherPathWithGradients(PlainNorm):
    """Takes another kernel, with a slightly larger eps, where gradients are tracked."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            var = var + 1e-6 * self.eps
        return super().standardize(x, mean, var)


@fault(
    claims="meta_bn",
    kills="tracking_gradients_changes_no_answer",
    source="a term for a regulariser's gradient that is added to the outputs and not taken off",
    hard=True,
)
class ShiftsWhenItTrains(PlainNorm):
    """Adds a small constant to the outputs where gradients are tracked: no gradient shows it."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        outputs = super().output(x, mean, var)
        return outputs + 1e-6 if torch.is_grad_enabled() else outputs


@fault(
    claims="meta_bn",
    kills="a_conditioned_layer_survives_deep_copying",
    source="a __deepcopy__ that calls the constructor, written to get rid of a graph",
    hard=True,
)
class CopiesAreBuiltAnew(PlainNorm):
    """A deep copy has the parameters that a new layer has."""

    def __deepcopy__(self, memo: dict[int, Any]) -> CopiesAreBuiltAnew:
        twin = type(self)(len(self.weight)).to(self.weight)
        memo[id(self)] = twin
        return twin


@fault(
    claims="meta_bn",
    kills=(
        "a_conditioned_layer_survives_deep_copying",
        "a_conditioned_layer_survives_saving_and_loading",
    ),
    source="cambridge-mlg/cnaps; pytorch/pytorch issue 54580",
    adapter="mode_flag",
)
class MomentsInPlainAttributes(FlaggedNorm):
    """Keeps the context's moments, graph and all, in plain attributes."""

    task: State | None = None

    def keep(self, state: State) -> None:
        self.task = state

    def kept(self, x: Tensor) -> State:
        if self.task is None:
            raise RuntimeError("no context yet: call the layer on it in train mode")
        return self.task


@fault(
    claims="meta_bn,detached",
    kills="a_conditioned_layer_survives_saving_and_loading",
    source="bayesiains/nflows issue 4; cweniger/falcon issue 115",
    adapter="mode_flag",
)
class FlagIsNoBuffer(FlaggedNorm):
    """Saves its moments but not the flag that says that there are any."""

    conditioned = False

    def keep(self, state: State) -> None:
        super().keep(state)
        self.conditioned = True

    def kept(self, x: Tensor) -> State:
        if not self.conditioned:
            raise RuntimeError("no context yet: call the layer on it in train mode")
        return super().kept(x)


@fault(
    claims="conventional_bn",
    kills="a_conditioned_layer_survives_saving_and_loading",
    source="persistent=False, to keep checkpoints of a pre-trained extractor loadable",
)
class RunningMomentsAreNotSaved(PlainNorm):
    """Keeps meta-training's moments in buffers that no state_dict holds."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("running_mean", torch.zeros(channels), persistent=False)
        self.register_buffer("running_var", torch.ones(channels), persistent=False)

    def observe(self, context: Tensor, targets: Tensor) -> None:
        for items in (context, targets):
            mean, var = self.reduce(items, self.batch_dims(items))
            self.running_mean.lerp_(mean.flatten(), 0.1)
            self.running_var.lerp_(var.flatten(), 0.1)

    def summarize(self, context: Tensor) -> State:
        empty = context.new_zeros(0)
        return State(empty, empty, len(context))

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        shape = (1, -1, *(1,) * (x.dim() - 2))
        return self.running_mean.view(shape), self.running_var.view(shape)


@fault(
    claims="meta_bn,detached",
    kills="a_conditioned_layer_survives_deep_copying",
    source="AntreasAntoniou/HowToTrainYourMAMLPytorch issue 42: copies tied to their original",
    adapter="mode_flag",
    hard=True,
)
class CopiesShareTheirMoments(FlaggedNorm):
    """Gives copies its own buffers, so that the task of a copy becomes the original's."""

    def __deepcopy__(self, memo: dict[int, Any]) -> CopiesShareTheirMoments:
        twin = type(self)(len(self.weight), self.eps).to(self.weight.dtype)
        twin.load_state_dict(self.state_dict())
        twin.mean, twin.var, twin.size = self.mean, self.var, self.size
        memo[id(self)] = twin
        return twin


@fault(
    claims="meta_bn",
    kills="a_conditioned_layer_survives_pickling",
    source="a closure over the context's moments, kept on the layer for the target pass",
)
class KeepsAClosure(PlainNorm):
    """Stores a function made for the task, which no pickle takes."""

    standardized: Any = None

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, state = super().condition(context)
        self.standardized = lambda x: self.standardize(x, state.mean, state.var)
        return outputs, state


@fault(
    claims="meta_bn",
    kills=(
        "conditioning_twice_equals_conditioning_once",
        "two_tasks_of_equal_shapes_are_not_confused",
    ),
    source="chunks of one large context told from a new context by their equal shapes",
)
class TakesARepeatForTheNextChunk(PlainNorm):
    """Adds a context of the same shape as the one before to it, as if it were its next part."""

    chunks: Tensor | None = None

    def summarize(self, context: Tensor) -> State:
        if (
            self.chunks is not None
            and self.chunks.shape[1:] == context.shape[1:]
            and (len(self.chunks) == len(context))
        ):
            context = torch.cat([self.chunks, context])
        self.chunks = context.detach()
        return super().summarize(context)


@fault(
    claims="tasknorm_i",
    kills="conditioning_twice_equals_conditioning_once",
    source="a retry after a lost reply, met by a service that recognises the context it had",
    hard=True,
)
class CountsARetryTwice(PlainTaskNorm):
    """Doubles the number of context items where the very same context comes again."""

    met: Tensor | None = None

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        again = self.met is not None and torch.equal(self.met, context)
        self.met = context.detach().clone()
        return state._replace(size=2 * state.size) if again else state


@fault(
    claims="tasknorm_i",
    kills="conditioning_twice_equals_conditioning_once",
    source="a count of context items that is added to and never reset",
)
class CountsItemsOverAndOver(PlainTaskNorm):
    """Computes alpha from all the context items that it was ever conditioned on."""

    items = 0

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        self.items += state.size
        return state._replace(size=self.items)
