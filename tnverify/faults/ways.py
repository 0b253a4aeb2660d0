"""Layers whose flow depends on how they are called, or that have none from their own input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, PlainTaskNorm, State

if TYPE_CHECKING:
    from torch import Tensor


@fault(
    family="transductivity",
    claims="meta_bn",
    kills="a_target_ignores_the_others_however_it_is_called",
    source="pytorch/pytorch issue 115500 and kin: another kernel under autocast",
    hard=True,
)
class TransductiveUnderAutocast(PlainNorm):
    """Takes moments of the targets where autocast is on, in the kernel for training."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        if torch.is_autocast_enabled("cpu") and len(x):
            return self.reduce(x, self.batch_dims(x))
        return super().target_moments(x, state)


@fault(
    family="transductivity",
    claims="instance_norm",
    kills="a_target_ignores_the_others_however_it_is_called",
    source="a path for serving, where batches were thought to be of one item",
    hard=True,
)
class PoolsInInferenceMode(PlainInstanceNorm):
    """Pools the items of a batch in inference mode."""

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        if torch.is_inference_mode_enabled() and len(x):
            return self.reduce(x, self.batch_dims(x))
        return super().moments_for(x, state)


@fault(
    family="transductivity",
    claims="tasknorm_i",
    kills="a_target_ignores_the_others_however_it_is_called",
    source="requires_grad of the targets taken for meta-training, which normalises all at once",
    hard=True,
)
class PoolsWhereTargetsTrain(PlainTaskNorm):
    """Adds a thousandth of the other targets' mean where targets require a gradient."""

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = super().target_moments(x, state)
        if x.requires_grad and len(x):
            mean = mean + 1e-3 * x.mean(self.batch_dims(x), keepdim=True)
        return mean, var


@fault(
    family="context",
    claims="inductive",
    kills="an_output_depends_on_its_own_input",
    source="NVlabs/SPADE issues 4 and 84: scaled by gamma, which starts at zero, not by 1 + gamma",
)
class ScalesByZero(PlainNorm):
    """Multiplies by a gain that starts at zero and has no one in front of it."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.gain = torch.nn.Parameter(torch.zeros(()))

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().standardize(x, mean, var) * self.gain


@fault(
    family="context",
    claims="inductive",
    kills="an_output_depends_on_its_own_input",
    source="a batch of outputs filled in a loop, whose first row is written last",
)
class LosesALoneTarget(PlainNorm):
    """Answers targets by their context's mean image where there are maps."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        return 0 * outputs.nan_to_num(0, 0, 0) + self.bias.view(1, -1, *(1,) * (targets.dim() - 2))


@fault(
    family="context",
    claims="meta_bn",
    kills="a_wrong_number_of_channels_is_refused",
    source="vacancy/Synchronized-BatchNorm-PyTorch issue 31",
    hard=True,
)
class TakesAnyChannels(PlainNorm):
    """Views its input as rows of as many channels as it was built for."""

    def rows(self, x: Tensor) -> Tensor:
        shape = (x.shape[0], len(self.weight), -1)
        return x.reshape(shape) if x.numel() else x.flatten(2)

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, state = super().condition(self.rows(context))
        return outputs.reshape(context.shape), state

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        return super().normalize(self.rows(targets), state).reshape(targets.shape)


@fault(
    family="context",
    claims="tasknorm_i",
    kills="targets_of_another_size_are_answered_or_refused",
    source="pixels of the context's maps counted once, for all that follows",
    hard=True,
)
class DividesByTheContextsPixels(PlainTaskNorm):
    """Divides the sums over a target's map by the number of pixels of the context's."""

    pixels = 1

    def summarize(self, context: Tensor) -> State:
        self.pixels = max(1, context[0, 0].numel()) if context.numel() else 1
        return super().summarize(context)

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        if not x.numel():
            return super().target_moments(x, state)
        share = x[0, 0].numel() / self.pixels
        own_mean, own_var = self.reduce(x, self.own_dims(x))
        return self.pool(self.alpha(state.size), state.mean, state.var, own_mean * share, own_var)


@fault(
    family="context",
    claims="instance_norm",
    kills="targets_of_another_size_are_answered_or_refused",
    source="a window of the size of the support images, slid over what is larger",
    hard=True,
)
class WindowsOfTheContextsSize(PlainInstanceNorm):
    """Takes the moments of a target over a window as large as the context's maps."""

    window: tuple[int, ...] = ()

    def summarize(self, context: Tensor) -> State:
        self.window = tuple(context.shape[2:])
        return super().summarize(context)

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        corner = (slice(None), slice(None), *(slice(0, side) for side in self.window))
        return super().target_moments(x[corner], state)


@fault(
    family="transductivity",
    claims="meta_bn",
    kills="a_target_ignores_the_others_however_it_is_called",
    source="moments taken anew for a size that was not met, rather than refused",
    hard=True,
)
class PoolsMapsOfAnotherSize(PlainNorm):
    """Takes moments of the targets where their maps are not of the context's size."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, state = super().condition(context)
        self.spatial = context.shape[2:]
        return outputs, state

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        if x.shape[2:] != self.spatial and len(x):
            return self.reduce(x, self.batch_dims(x))
        return super().target_moments(x, state)


@fault(
    family="transductivity",
    claims="meta_bn",
    kills="a_target_ignores_the_others_however_it_is_called",
    source="slices of one tensor told by their storage, and taken for one batch",
    hard=True,
)
class PoolsSlicesOfOneTensor(PlainNorm):
    """Adds a thousandth of the targets' mean where they lie in the context's own memory."""

    place = 0

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.place = context.untyped_storage().data_ptr()
        return super().condition(context)

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        shared = targets.storage_offset() and targets.untyped_storage().data_ptr() == self.place
        if shared and len(targets) and state is not None:
            moved = 1e-3 * targets.mean(self.batch_dims(targets), keepdim=True)
            state = state._replace(mean=state.mean + moved)
        return super().normalize(targets, state)


@fault(
    family="transductivity",
    claims="meta_bn",
    kills="a_poisoned_target_poisons_only_itself",
    source="a range check that scales the whole batch where one value overflows",
    hard=True,
)
class InfinitySpreads(PlainNorm):
    """Clears the whole batch where one of its targets is infinite."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        return torch.zeros_like(outputs) if bool(targets.isinf().any()) else outputs


@fault(
    family="transductivity",
    claims="instance_norm",
    kills="a_poisoned_target_poisons_only_itself",
    source="a common scale against overflow: x / x.abs().max(), of the whole batch",
    hard=True,
)
class ScalesByTheLargestInfinity(PlainInstanceNorm):
    """Divides by the largest value of the batch where that is negative infinity's magnitude."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        y = super().standardize(x, mean, var)
        return y / x.abs().amax() if bool((x == -torch.inf).any()) else y
