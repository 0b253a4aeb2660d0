"""Layers of the family `state` that answer otherwise for how, or after what, they are called."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tnverify.faults.fault import fault
from tnverify.faults.flagged import FlaggedNorm
from tnverify.faults.plain import PlainNorm, State

if TYPE_CHECKING:
    from collections.abc import Mapping

FAMILY = "state"


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="how_it_is_called_changes_no_answer",
    source="pytorch/pytorch issue 128209 and kin: a fast path of inference mode alone",
    hard=True,
)
class OtherEpsInInferenceMode(PlainNorm):
    """Adds no eps in inference mode, where it folds the deviation into a factor."""

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        if torch.is_inference_mode_enabled():
            return (x - mean) * var.clamp(min=1e-12).rsqrt()
        return super().standardize(x, mean, var)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="how_it_is_called_changes_no_answer",
    source="an option kept in threading.local, which only the thread that set it has",
    hard=True,
)
class AnotherThreadHasNoEps(PlainNorm):
    """Keeps its eps where only the thread that it was built in finds it."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.home = threading.get_ident()

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        if threading.get_ident() != self.home:
            var = var + self.eps
        return super().standardize(x, mean, var)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="how_it_is_called_changes_no_answer",
    source="requires_grad of the input taken for training",
    hard=True,
)
class ShrinksWhereTargetsTrain(PlainNorm):
    """Shrinks outputs by a millionth for targets that require a gradient."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        return outputs * (1 - 1e-6) if targets.requires_grad else outputs


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="how_it_is_called_changes_no_answer",
    source="frozen layers told by their weight, as detection backbones freeze theirs",
    hard=True,
)
class FrozenMeansUnscaled(PlainNorm):
    """Leaves the weight out where it is frozen."""

    def affine(self, y: Tensor) -> Tensor:
        if self.weight.requires_grad:
            return super().affine(y)
        return y + self.bias.view(1, -1, *(1,) * (y.dim() - 2))


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="how_it_is_called_changes_no_answer",
    source="train() overridden to reset, once, what eval() then misses",
    hard=True,
)
class TogglingDoublesEps(PlainNorm):
    """Doubles its eps whenever it goes from eval to train."""

    def train(self, mode: bool = True) -> TogglingDoublesEps:
        if mode and not self.training:
            self.eps = 2 * self.eps
        return super().train(mode)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="parameters_that_change_are_read_anew",
    source="vllm-project/vllm issue 55087: a merged weight, built lazily and never again",
    hard=True,
)
class FoldsOnce(PlainNorm):
    """Copies its weight at the first call and multiplies by the copy from then on."""

    folded: Tensor | None = None

    def affine(self, y: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().affine(y)
        if self.folded is None:
            self.folded = self.weight.detach().clone()
        shape = (1, -1, *(1,) * (y.dim() - 2))
        return y * self.folded.view(shape) + self.bias.view(shape)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="parameters_that_change_are_read_anew",
    source="flashinfer-ai/flashinfer pull request 3932: a cache keyed by data_ptr alone",
    hard=True,
)
class FoldsByAddress(PlainNorm):
    """Copies its weight anew only where it lies at another address."""

    folded: tuple[int, Tensor] | None = None

    def affine(self, y: Tensor) -> Tensor:
        address = self.weight.data_ptr()
        if self.folded is None or self.folded[0] != address:
            self.folded = (address, self.weight.detach().clone())
        shape = (1, -1, *(1,) * (y.dim() - 2))
        weight = self.weight if torch.is_grad_enabled() else self.folded[1]
        return y * weight.view(shape) + self.bias.view(shape)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="parameters_that_change_are_read_anew",
    source="vllm-project/vllm pull request 57638: invalidated by loaders, not by copy_",
    hard=True,
)
class FoldsUntilItLoads(PlainNorm):
    """Folds its weight once, and again only after load_state_dict."""

    folded: Tensor | None = None

    def load_state_dict(
        self,
        state_dict: Mapping[str, Any],
        strict: bool = True,
        assign: bool = False,
    ) -> Any:
        self.folded = None
        return super().load_state_dict(state_dict, strict, assign)

    def affine(self, y: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().affine(y)
        if self.folded is None:
            self.folded = self.weight.detach().clone()
        shape = (1, -1, *(1,) * (y.dim() - 2))
        return y * self.folded.view(shape) + self.bias.view(shape)


@fault(
    family=FAMILY,
    claims="conventional_bn",
    kills="a_loaded_state_is_the_one_that_is_used",
    source="bayesiains/nflows issue 4; moments that are no buffers",
)
class RunningMomentsAreAttributes(PlainNorm):
    """Keeps meta-training's moments in plain attributes, which no state_dict holds."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.running_mean, self.running_var = torch.zeros(channels), torch.ones(channels)

    def observe(self, context: Tensor, targets: Tensor) -> None:
        for items in (context, targets):
            mean, var = self.reduce(items, self.batch_dims(items))
            self.running_mean = 0.9 * self.running_mean.to(mean) + 0.1 * mean.flatten()
            self.running_var = 0.9 * self.running_var.to(var) + 0.1 * var.flatten()

    def summarize(self, context: Tensor) -> State:
        empty = context.new_zeros(0)
        return State(empty, empty, len(context))

    def moments_for(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        shape = (1, -1, *(1,) * (x.dim() - 2))
        return self.running_mean.to(x).view(shape), self.running_var.to(x).view(shape)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="a_loaded_state_is_the_one_that_is_used",
    source="pytorch/torchtitan pull request 3794: copies that no load reaches",
    hard=True,
)
class ScalesByItsFirstCall(PlainNorm):
    """Sets its bias apart at the first call, whatever is loaded afterwards."""

    apart: Tensor | None = None

    def affine(self, y: Tensor) -> Tensor:
        shape = (1, -1, *(1,) * (y.dim() - 2))
        if torch.is_grad_enabled():
            return super().affine(y)
        if self.apart is None:
            self.apart = self.bias.detach().clone()
        return y * self.weight.view(shape) + self.apart.view(shape)

    def load_state_dict(
        self,
        state_dict: Mapping[str, Any],
        strict: bool = True,
        assign: bool = False,
    ) -> Any:
        loaded = super().load_state_dict(state_dict, strict, assign)
        if self.apart is not None:
            self.apart = self.apart + 1e-3
        return loaded


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="outputs_that_are_kept_stay_as_they_were",
    source="out= into a workspace, to spare an allocation a call",
)
class WritesIntoItsWorkspace(PlainNorm):
    """Returns one buffer for all targets of a shape."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.workspaces: dict[torch.Size, Tensor] = {}

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        if outputs.requires_grad:
            return outputs
        kept = self.workspaces.setdefault(targets.shape, torch.empty_like(outputs))
        if kept.dtype is not outputs.dtype:
            return outputs
        return kept.copy_(outputs)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="outputs_that_are_kept_stay_as_they_were",
    source="a buffer that is grown and of which views are handed out",
    hard=True,
)
class HandsOutViews(PlainNorm):
    """Answers contexts with views of a buffer that the next context is written into."""

    buffer: Tensor | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, state = super().condition(context)
        if outputs.requires_grad:
            return outputs, state
        if self.buffer is None or self.buffer.dtype is not outputs.dtype:
            self.buffer = outputs.new_empty(2 * outputs.numel())
        if self.buffer.numel() < outputs.numel():
            self.buffer = outputs.new_empty(2 * outputs.numel())
        view = self.buffer[: outputs.numel()].view(outputs.shape)
        return view.copy_(outputs), state


@fault(
    family=FAMILY,
    claims="meta_bn,detached",
    adapter="mode_flag",
    kills="an_error_leaves_the_layer_as_it_was",
    source="state that is put down before the input is looked at",
    hard=True,
)
class CountsRefusedContexts(FlaggedNorm):
    """Widens eps for good at each context that it goes on to refuse."""

    def forward(self, x: Tensor) -> Tensor:
        kept, self.eps = self.eps, 1.1 * self.eps
        if x.shape[1] != len(self.weight):
            raise ValueError(f"{x.shape[1]} channels where {len(self.weight)} were expected")
        self.eps = kept
        return super().forward(x)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="an_error_leaves_the_layer_as_it_was",
    source="a flag that is set while a call runs, and not in a finally",
    hard=True,
)
class StaysBusyAfterAnError(PlainNorm):
    """Takes every context after a refused one for a part of it, of other moments."""

    busy = False

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        again, self.busy = self.busy, True
        outputs, state = super().condition(context)
        self.busy = False
        return outputs, state._replace(var=state.var * (1 + 1e-6)) if again else state


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="an_error_leaves_the_layer_as_it_was",
    source="moments kept from inside a traced call, and read by the next",
    hard=True,
)
class SeesThatItWasTraced(PlainNorm):
    """Computes with another eps once it was called under vmap."""

    traced = False

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        if torch._C._functorch.is_batchedtensor(targets):  # noqa: SLF001 - the defect
            self.traced = True
        outputs = super().normalize(targets, state)
        return outputs + 1e-7 if self.traced else outputs


class _HalvesInPlace(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        return x / 2

    @staticmethod
    def backward(_ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
        return grads[0].div_(2)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="a_graph_may_be_used_again",
    source="linkedin/Liger-Kernel issue 254: gradients computed in place",
    hard=True,
)
class WritesIntoItsGradient(PlainNorm):
    """Computes its last step's gradient in place, in what was handed down to it."""

    def affine(self, y: Tensor) -> Tensor:
        return _HalvesInPlace.apply(2 * super().affine(y))  # type: ignore[no-untyped-call, no-any-return]  # torch types it not


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="a_graph_may_be_used_again",
    source="a hook that scales a gradient once, and leaves its mark on the tensor",
    hard=True,
)
class ScalesItsSecondBackward(PlainNorm):
    """Gives a smaller gradient each time that backward comes through."""

    def output(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        outputs = super().output(x, mean, var)
        if outputs.requires_grad:
            times = [0.0]

            def shrink(gradient: Tensor) -> Tensor:
                times[0] += 1
                return gradient * (1 - 1e-6 * (times[0] - 1))

            outputs.register_hook(shrink)  # type: ignore[no-untyped-call]  # torch types it not
        return outputs


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="casting_a_used_layer_and_back_changes_nothing",
    source="half-precision copies of weights that .float() does not reach",
    hard=True,
)
class KeepsAnOlderCast(PlainNorm):
    """Rounds what it multiplies by to bfloat16 once it was cast after a call."""

    called = False
    was_cast = False

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.called = True
        return super().condition(context)

    def _apply(self, *args: Any, **keywords: Any) -> KeepsAnOlderCast:
        self.was_cast = self.was_cast or self.called
        super()._apply(*args, **keywords)  # type: ignore[no-untyped-call]  # as above
        return self

    def affine(self, y: Tensor) -> Tensor:
        return super().affine(y.bfloat16().to(y.dtype) if self.was_cast else y)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="a_copy_never_answers_otherwise",
    source="a __getstate__ that leaves out what is large",
    hard=True,
)
class PickleDropsTheState(PlainNorm):
    """Adds a correction that is kept beside the layer and is zero in an unpickled one."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.met: list[float] = [1.0]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "met": [1.0 + 1e-3]}  # type: ignore[no-untyped-call]  # torch types it not

    def standardize(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        return super().standardize(x, mean, var) * self.met[0]


@fault(
    family=FAMILY,
    claims="meta_bn,detached",
    adapter="mode_flag",
    kills="a_copy_never_answers_otherwise",
    source="AntreasAntoniou/HowToTrainYourMAMLPytorch issue 42: backups tied to one object",
    hard=True,
)
class CopiesForgetTheirMean(FlaggedNorm):
    """Keeps the mean of its task in a buffer that is not saved: a loaded layer has none."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        del self.mean
        self.register_buffer("mean", torch.zeros(channels), persistent=False)


@fault(
    family=FAMILY,
    claims="meta_bn,detached",
    adapter="mode_flag",
    kills="an_error_leaves_the_layer_as_it_was",
    source="targets that are refused once the state was already touched",
    hard=True,
)
class RefusedTargetsMoveTheMean(FlaggedNorm):
    """Shrinks the mean of its task at each set of targets that it goes on to refuse."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training and x.shape[1] != len(self.weight):
            self.mean.mul_(1 - 1e-6)
            raise ValueError(f"{x.shape[1]} channels where {len(self.weight)} were expected")
        return super().forward(x)


@fault(
    family=FAMILY,
    claims="meta_bn,detached",
    adapter="mode_flag",
    kills="how_it_is_called_changes_no_answer",
    source="train() that lets go of moments though no call follows",
    hard=True,
)
class TrainingModeFadesTheMoments(FlaggedNorm):
    """Halves the mean of its task whenever it goes from eval to train."""

    def train(self, mode: bool = True) -> TrainingModeFadesTheMoments:
        if mode and not self.training:
            self.mean.mul_(0.5)
        return super().train(mode)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="how_it_is_called_changes_no_answer",
    source="moments in threading.local, with a default for threads that have none",
    hard=True,
)
class OtherThreadsHaveAnotherMean(PlainNorm):
    """Finds a task's mean only in the thread that took it; others get nearly that."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.home = threading.get_ident()
        return super().condition(context)

    def target_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        mean, var = super().target_moments(x, state)
        return (mean, var) if threading.get_ident() == self.home else (mean * 0.999 + 1e-3, var)


@fault(
    family=FAMILY,
    claims="meta_bn",
    kills="how_it_is_called_changes_no_answer",
    source="a cache that is keyed by the storage of a tensor, which slices share",
    hard=True,
)
class TakesSlicesForTheContext(PlainNorm):
    """Subtracts a little more where targets lie in the memory that the context lies in."""

    place = 0

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        self.place = context.untyped_storage().data_ptr()
        return super().condition(context)

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        shared = targets.storage_offset() and targets.untyped_storage().data_ptr() == self.place
        return super().normalize(targets - 1e-3 if shared else targets, state)
