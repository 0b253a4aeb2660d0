"""Layers that are right on small tasks and wrong from some size on, or at some sizes alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tnverify.faults.fault import fault
from tnverify.faults.plain import PlainInstanceNorm, PlainNorm, PlainPixelNorm, PlainTaskNorm, State

_CHANNELS = "repeated_channels_give_repeated_outputs"
_CONTEXT = "repeated_context_items_change_nothing"
_TARGETS = "repeated_targets_give_repeated_outputs"
_MAPS = "repeated_maps_give_repeated_outputs"
_MANY = "more_than_65536_values_are_counted"
_FOLDED = "maps_of_width_one_are_like_any_other"
_FORMULA = "outputs_agree_with_the_formula"


@fault(
    claims="instance_norm",
    kills=(_CHANNELS, _FORMULA),
    source="would be written: a kernel of one block of 32 channels, its grid never grown",
    adapter="explicit_state",
    canary=True,
    hard=True,
)
class BlockOfChannels(PlainInstanceNorm):
    """Channels beyond the 32nd are passed on as they came."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        done = super().output(x, mean, var)
        return torch.cat([done[:, :32], x[:, 32:]], 1)


@fault(
    claims="per_pixel_layer_norm",
    kills=(_CHANNELS, _FORMULA),
    source="facebookresearch/xformers issue 785: columns beyond one block are not included",
    hard=True,
)
class FirstBlockOfColumns(PlainPixelNorm):
    """The moments of a position leave out the channels beyond the 1,024th."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        return super().reduce(x[:, :1024], dims)


@fault(
    claims="per_pixel_layer_norm",
    kills=_FORMULA,
    source="triton-lang/triton issue 9838: padding counts in the variance unless the width is a"
    " power of two; here beyond one warp",
    hard=True,
)
class PaddingInTheVariance(PlainPixelNorm):
    """From 33 channels on, padding to the next power of two adds mean squared to the variance."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        count = x.shape[1]
        spare = (1 << (count - 1).bit_length()) - count if count > 32 else 0
        return mean, var + mean.square() * (spare / count)


@fault(
    claims="instance_norm",
    kills=(_CHANNELS, _FORMULA),
    source="microsoft/onnxruntime pull request 17943: a vectorised kernel reads past the width",
    hard=True,
)
class TailOfTheVector(PlainInstanceNorm):
    """Above 16 channels, those that a vector of four leaves over get the weight before them."""

    def affine(self, y: Tensor) -> Tensor:
        width = y.shape[1]
        whole = width // 4 * 4
        if width <= 16 or whole == width:
            return super().affine(y)
        shape = (1, -1, *(1,) * (y.dim() - 2))
        picked = [*range(whole), *(whole - 1 for _ in range(width - whole))]
        return y * self.weight[picked].view(shape) + self.bias[picked].view(shape)


@fault(
    claims="meta_bn",
    kills=(_CHANNELS, _FORMULA),
    source="would be written: weights padded to a multiple of eight and cut at the wrong end",
)
class OddSevens(PlainNorm):
    """With seven channels the bias of the last one is that of the first."""

    def affine(self, y: Tensor) -> Tensor:
        done = super().affine(y)
        if y.shape[1] == 7:
            last = y[:, 6] * self.weight[6] + self.bias[0]
            return torch.cat([done[:, :6], last.unsqueeze(1)], 1)
        return done


@fault(
    claims="meta_bn",
    kills=_FORMULA,
    source="flagos-ai/FlagGems issue 4984: right only where the group size is a power of two; here"
    " from 96 channels on",
    hard=True,
)
class WideIsNoPowerOfTwo(PlainNorm):
    """From 96 channels on, unless their number is a power of two, channels get their right
    neighbour's mean."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        width = x.shape[1]
        if width >= 96 and width & (width - 1):
            mean = torch.cat([mean[:, 1:], mean[:, -1:]], 1)
        return mean, var


@fault(
    claims="meta_bn",
    kills=(_CHANNELS, _FORMULA),
    source="LBANN/lbann pull request 1610: one row of the grid for each channel, and the grid ends",
    hard=True,
)
class ChannelsBeyondTheGrid(PlainNorm):
    """The variance of channels beyond the 1,024th is that of the last one that was reached."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        if x.shape[1] > 1024:
            var = torch.cat([var[:, :1024], var[:, 1023:1024].expand_as(var[:, 1024:])], 1)
        return mean, var


@fault(
    claims="meta_bn",
    kills=_CONTEXT,
    source="would be written: contexts in chunks of 16 by range(0, n - n % 16, 16)",
    hard=True,
)
class LastChunkDropped(PlainNorm):
    """Of contexts with more than 48 items the last incomplete chunk of 16 is left out."""

    def summarize(self, context: Tensor) -> State:
        count = len(context)
        return super().summarize(context[: count // 16 * 16] if count > 48 else context)


@fault(
    claims="meta_bn",
    kills=(_CONTEXT, _FORMULA),
    source="would be written: the means of chunks averaged as if the last were as long",
    hard=True,
)
class ChunksWeighAlike(PlainNorm):
    """The mean of more than 30 context items is the mean over chunks of 24, the last one short."""

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        if len(context) <= 30:
            return state
        parts = [self.reduce(part, self.batch_dims(part))[0] for part in torch.split(context, 24)]
        return state._replace(mean=torch.stack(parts).mean(0))


@fault(
    claims="tasknorm_i",
    kills=_CONTEXT,
    source="would be written: a table of alpha for up to 64 items, the last entry for more",
    hard=True,
)
class AlphaFromATable(PlainTaskNorm):
    """Contexts of more than 64 items get the alpha of 64."""

    def alpha(self, size: int) -> Tensor:
        return super().alpha(min(size, 64))


@fault(
    claims="meta_bn",
    kills=(_CONTEXT, _FORMULA),
    source="would be written: a fast path for five-way five-shot tasks, which everybody uses",
)
class TwentyFiveItems(PlainNorm):
    """A context of exactly 25 items has the unbiased variance of a library call."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        if x.shape[0] == 25 and 0 in dims:
            count = x.numel() // x.shape[1]
            var = var * (count / (count - 1))
        return mean, var


@fault(
    claims="instance_norm",
    kills=_TARGETS,
    source="vllm-project/vllm-ascend pull request 5012: a grid of 48 programs, and one row each",
    hard=True,
)
class RowsBeyondTheGrid(PlainInstanceNorm):
    """Of more than 48 items those beyond the 48th are passed on as they came."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        done = super().output(x, mean, var)
        return torch.cat([done[:48], x[48:]])


@fault(
    claims="meta_bn",
    kills=_TARGETS,
    source="would be written: targets in chunks of 64, the last one padded and cut too early",
    hard=True,
)
class LastTargetOfAChunk(PlainNorm):
    """Of more than 64 targets the last is normalised by its own moments."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        done = super().normalize(targets, state)
        if len(targets) > 64:
            last = targets[-1:]
            own = self.reduce(last, self.batch_dims(last))
            done = torch.cat([done[:-1], self.output(last, *own)])
        return done


@fault(
    claims="instance_norm",
    kills=(_MAPS, _FORMULA),
    source="would be written: rows of a map in blocks of 32, the rest of them dropped",
    hard=True,
)
class RowsInBlocks(PlainInstanceNorm):
    """The moments of maps higher than 32 leave out the rows beyond the last whole block of 32."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        if x.dim() > 2 and x.shape[2] > 32:
            return super().reduce(x[:, :, : x.shape[2] // 32 * 32], dims)
        return super().reduce(x, dims)


@fault(
    claims="meta_bn",
    kills=(_MAPS, _FORMULA),
    source="would be written: large maps summed by a strided view of two values, in pairs",
    hard=True,
)
class OddLargeMaps(PlainNorm):
    """The mean of maps with more than 1,000 pixels leaves out the last pixel of an odd number."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        flat = x.flatten(2) if x.dim() > 2 else x.unsqueeze(2)
        if flat.shape[2] > 1000 and flat.shape[2] % 2:
            even = flat[:, :, :-1].mean((0, 2) if 0 in dims else (2,), keepdim=True)
            mean = even.reshape(mean.shape)
        return mean, var


@fault(
    claims="instance_norm",
    kills=_MAPS,
    source="tenstorrent/tt-metal issue 26622: wrong for large maps, right for fewer blocks",
    hard=True,
)
class LargeMapsFromASample(PlainInstanceNorm):
    """The moments of maps with more than 3,000 pixels are those of every second row."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        if x.dim() > 3 and x[0, 0].numel() > 3000:
            return super().reduce(x[:, :, ::2], dims)
        return super().reduce(x, dims)


@fault(
    claims="instance_norm",
    kills=(_FOLDED, _FORMULA),
    source="would be written: squeeze() to drop what is single, and a map may be a single column",
)
class ColumnsSqueezed(PlainInstanceNorm):
    """Maps of one column are taken for vectors: their channels' moments are over the batch."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        single = x.dim() == 4 and x.shape[3] == 1 and x.shape[2] > 1
        return super().reduce(x, (0, 2, 3) if single else dims)


@fault(
    claims="meta_bn",
    kills=_FOLDED,
    source="would be written: is_contiguous() of both formats holds for one row, and the wrong"
    " branch is taken; here for long rows",
    hard=True,
)
class LongRows(PlainNorm):
    """The mean of a map of one row with more than 500 pixels is that of its first half."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        if x.dim() == 4 and x.shape[2] == 1 and x.shape[3] > 500:
            mean = x[..., : x.shape[3] // 2].mean(dims, keepdim=True)
        return mean, var


@fault(
    claims="meta_bn",
    kills=_MANY,
    source="NVIDIA/apex issue 411: from 2**16 rows on a count overflows",
    hard=True,
)
class CountOfSixteenBits(PlainNorm):
    """The number of values in a channel is kept in 16 bits."""

    def reduce(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, var = super().reduce(x, dims)
        count = x.numel() // max(1, mean.numel())
        return (mean, var) if count < 1 << 16 else (mean * (count / (count & 0xFFFF)), var)


@fault(
    claims="per_pixel_layer_norm",
    kills=(_MANY, _FORMULA),
    source="facebookincubator/AITemplate pull request 708: more rows than gridDim.y may have",
    hard=True,
)
class RowsBeyond65535(PlainPixelNorm):
    """Positions beyond the 65,535th of all items are left zero."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        done = super().output(x, mean, var)
        rows = x.numel() // max(1, x.shape[1])
        if rows <= 0xFFFF:
            return done
        places = torch.arange(rows, device=x.device).reshape(x.shape[0], 1, *x.shape[2:])
        return torch.where(places < 0xFFFF, done, torch.zeros_like(done))


@fault(
    claims="instance_norm",
    kills="repeated_tasks_have_repeated_gradients",
    source="BobMcDear/attorch issue 18: the last block of rows is dropped from the weight gradient",
    hard=True,
)
class LastRowsGiveNoGradient(PlainInstanceNorm):
    """Of more than 32 items those beyond the last whole block of 32 give the weight no gradient."""

    def affine(self, y: Tensor) -> Tensor:
        done = super().affine(y)
        whole = len(y) // 32 * 32
        if len(y) <= 32 or whole == len(y):
            return done
        shape = (1, -1, *(1,) * (y.dim() - 2))
        held: Any = self.weight.detach().view(shape)
        rest = y[whole:] * held + self.bias.view(shape)
        return torch.cat([done[:whole], rest])


@fault(
    claims="instance_norm",
    kills="repeated_tasks_have_repeated_gradients",
    source="bytedance/lightseq pull request 137: forward takes every width, backward does not",
    hard=True,
)
class WideChannelsGiveNoGradient(PlainInstanceNorm):
    """Channels beyond the 64th pass no gradient on to their input."""

    def widened(self, x: Tensor) -> Tensor:
        wide = super().widened(x)
        return torch.cat([wide[:, :64], wide[:, 64:].detach()], 1)


@fault(
    claims="meta_bn",
    kills="repeated_tasks_have_repeated_gradients",
    source="flagos-ai/FlagGems pull request 59: backward wrong for more than one row in a block",
    hard=True,
)
class LargeContextsDetached(PlainNorm):
    """No gradient reaches the moments of a context with more than 120 items."""

    def summarize(self, context: Tensor) -> State:
        return super().summarize(context.detach() if len(context) > 120 else context)


@fault(
    claims="tasknorm_i",
    kills=_MAPS,
    source="would be written: large maps take a kernel of their own, that knew of no between-term",
    hard=True,
)
class LargeMapsForgetTheMeans(PlainTaskNorm):
    """On maps with more than 1,024 pixels variances are averaged, without the means' distance."""

    def pool(
        self, alpha: Tensor, mean: Tensor, var: Tensor, own_mean: Tensor, own_var: Tensor
    ) -> tuple[Tensor, Tensor]:
        pooled, spread = super().pool(alpha, mean, var, own_mean, own_var)
        return (pooled, alpha * var + (1 - alpha) * own_var) if self.large else (pooled, spread)

    large = False

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        self.large = x.dim() > 2 and x[0, 0].numel() > 1024 if len(x) else False
        return super().moments_for(x, state)


@fault(
    claims="inductive",
    kills=_CHANNELS,
    source="would be written: blocks of 32 channels, in a norm of its author's own",
    hard=True,
)
class OwnInventionBeyond32(PlainTaskNorm):
    """Where nothing is claimed but induction, channels beyond the 32nd pass unchanged."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        done = super().output(x, mean, var)
        return torch.cat([done[:, :32], x[:, 32:]], 1)


@fault(
    claims="inductive",
    kills=_TARGETS,
    source="microsoft/onnxruntime issue 8766: right for one image, wrong for a batch of 64",
    hard=True,
)
class OwnInventionBeyond64(PlainTaskNorm):
    """Where nothing is claimed but induction, more than 64 targets lose the last one's bias."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        done = super().normalize(targets, state)
        if len(targets) > 64:
            shape = (1, -1, *(1,) * (targets.dim() - 2))
            done = torch.cat([done[:-1], done[-1:] - self.bias.view(shape)])
        return done
