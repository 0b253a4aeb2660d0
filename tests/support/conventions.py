"""Layers that are called in the ways that public code shows, each way written several times over.

All are sound but for what their conventions make of them: a norm by batch statistics reads the
batch. `CONVENTIONS` tells by which adapter each is recognised.
"""

from __future__ import annotations

import copy
import enum
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    dims = (0, *range(2, x.dim()))
    return x.mean(dims, keepdim=True), x.var(dims, correction=0, keepdim=True)


def own(x: Tensor) -> Tensor:
    dims = tuple(range(2, x.dim()))
    return (x - x.mean(dims, keepdim=True)) * torch.rsqrt(
        x.var(dims, correction=0, keepdim=True) + 1e-5
    )


def apart(x: Tensor, found: tuple[Tensor, Tensor]) -> Tensor:
    return (x - found[0]) * torch.rsqrt(found[1] + 1e-5)


def rows(x: Tensor, row: Tensor) -> Tensor:
    return row.view(1, -1, *[1] * (x.dim() - 2)).to(x.dtype)


class Context(nn.Module):
    """Keeps the moments of a context, and says so where there is none yet."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.kept: tuple[Tensor, Tensor] | None = None

    def keep(self, x: Tensor) -> None:
        self.kept = moments(x)

    def answer(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        if self.kept is None:
            raise RuntimeError("no context yet")
        weight = self.weight if weight is None else weight
        bias = self.bias if bias is None else bias
        return apart(x, self.kept) * rows(x, weight) + rows(x, bias)


class Running(nn.Module):
    """Moves running moments, by a momentum, towards those of the batch."""

    def __init__(self, channels: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))

    def move(self, x: Tensor) -> Tensor:
        mean, var = moments(x)
        with torch.no_grad():
            self.mean.lerp_(mean.flatten().to(self.mean.dtype), self.momentum)
            self.var.lerp_(var.flatten().to(self.var.dtype), self.momentum)
        return apart(x, (mean, var))

    def stored(self, x: Tensor) -> Tensor:
        return apart(x, (rows(x, self.mean), rows(x, self.var)))


# the modes of a module


class FlagPlain(Context):
    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.keep(x)
        return self.answer(x)


class FlagBuffers(nn.Module):
    """Starts with moments, of which a context leaves nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            mean, var = moments(x)
            with torch.no_grad():
                self.mean.copy_(mean.flatten())
                self.var.copy_(var.flatten())
        return apart(x, (rows(x, self.mean), rows(x, self.var)))


class FlagBlend(Context):
    """Blends the context's moments with the item's own, the means alone."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.keep(x)
        return 0.5 * self.answer(x) + 0.5 * own(x)


class FlagOfItsOwn:
    """No module: it has train() and eval() and a call."""

    def __init__(self, channels: int) -> None:
        self.training = True

    def train(self) -> None:
        self.training = True

    def eval(self) -> None:
        self.training = False

    def __call__(self, x: Tensor) -> Tensor:
        if self.training:
            self.kept = moments(x)
        return apart(x, self.kept)


# running moments


class Average(Running):
    def forward(self, x: Tensor) -> Tensor:
        return self.move(x) if self.training else self.stored(x)


class Cumulative(Running):
    """Keeps the plain mean of all moments that it has met."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.stored(x)
        self.count += 1
        self.momentum = 1 / float(self.count)
        return self.move(x)


class LargestVariance(Running):
    """Divides by the larger one of a running and the item's own variance."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.move(x)
        dims = tuple(range(2, x.dim()))
        mine = x.var(dims, correction=0, keepdim=True) if dims else x.square()
        return x * torch.rsqrt(torch.maximum(rows(x, self.var), mine) + 1e-5)


class AdaptsAlways(Running):
    """Normalises by running moments that every batch moves first, until eval() is called."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.move(x)
        return self.stored(x)


class Fast(Running):
    def __init__(self, channels: int) -> None:
        super().__init__(channels, 0.9)

    def forward(self, x: Tensor) -> Tensor:
        return self.move(x) if self.training else self.stored(x)


# eval() that knows nothing of train()


class MixedInTraining(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x.roll(1, 0) * 0.5 + x * 0.5 if self.training else x


class Noisy(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        y = own(x)
        return y + 0.1 * torch.randn_like(y) if self.training else y


class Blends(nn.Module):
    """Blends moments that never move with those of the batch, unless eval() is called."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean, self.var = nn.Buffer(torch.zeros(channels)), nn.Buffer(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        mean, var = rows(x, self.mean), rows(x, self.var)
        if self.training:
            batch = moments(x)
            mean, var = 0.9 * mean + 0.1 * batch[0], 0.9 * var + 0.1 * batch[1]
        return apart(x, (mean, var))


# one call


class Own(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return own(x)


class Batch(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return apart(x, moments(x))


class NoModule:
    def __init__(self, channels: int) -> None:
        self.gain = torch.full((channels,), 2.0)

    def __call__(self, x: Tensor) -> Tensor:
        return x * rows(x, self.gain)


class AlwaysTraining(nn.BatchNorm2d):
    """Refuses to leave training mode, as norms of test-time adaptation do."""

    def train(self, mode: bool = True) -> AlwaysTraining:
        return super().train(True)


# explicit state


class Explicit(Context):
    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        state = moments(context)
        return apart(context, state), state

    def normalize(self, targets: Tensor, state: tuple[Tensor, Tensor]) -> Tensor:
        return apart(targets, state)


class ExplicitObject:
    def __init__(self, channels: int) -> None:
        self.inner = Explicit(channels)

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        return self.inner.condition(context)

    def normalize(self, targets: Tensor, state: Any) -> Tensor:
        return self.inner.normalize(targets, state)


class ExplicitToo(Explicit):
    """Can be called as well."""

    def forward(self, x: Tensor) -> Tensor:
        return self.condition(x)[0]


# moments handed over


class HandedPair(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(
        self, x: Tensor, stats: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        stats = moments(x) if stats is None else stats
        return apart(x, stats), stats


class HandedApart(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, mean: Tensor | None = None, var: Tensor | None = None) -> Any:
        if mean is None or var is None:
            mean, var = moments(x)
            return apart(x, (mean, var)), mean, var
        return apart(x, (mean, var))


class HandedByName(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, *, state: dict[str, Tensor] | None = None) -> Any:
        if state is None:
            state = dict(zip(("mean", "var"), moments(x), strict=True))
        return [apart(x, (state["mean"], state["var"])), state]


class HandedInTraining(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, stats: tuple[Tensor, Tensor] | None = None) -> Any:
        if self.training:
            return apart(x, moments(x)), moments(x)
        assert stats is not None, "eval() wants moments"
        return apart(x, stats)


class StatsOne(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def compute_stats(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return moments(x)

    def forward(self, x: Tensor, stats: tuple[Tensor, Tensor]) -> Tensor:
        return apart(x, stats)


class StatsTwo(StatsOne):
    def forward(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:  # type: ignore[override]  # a call of its own
        return apart(x, (mean, var))


class StatsDict(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def get_moments(self, support: Tensor) -> dict[str, Tensor]:
        return dict(zip(("mean", "var"), moments(support), strict=True))

    def forward(self, x: Tensor, moments: dict[str, Tensor]) -> Tensor:
        return apart(x, (moments["mean"], moments["var"]))


# an option on every call


class Modes(Context):
    def forward(self, x: Tensor, mode: str) -> Tensor:
        if mode not in ("support", "query"):
            raise ValueError(f"no mode {mode!r}")
        if mode == "support":
            self.keep(x)
        return self.answer(x)


class Phase(enum.Enum):
    ADAPT = "adapt"
    PREDICT = "predict"


class Phases(Context):
    def forward(self, x: Tensor, phase: Phase = Phase.ADAPT) -> Tensor:
        if phase is Phase.ADAPT:
            self.keep(x)
        return self.answer(x)


class Literals(Context):
    def forward(self, x: Tensor, stage: Literal["inner", "outer"] = "inner") -> Tensor:
        if stage == "inner":
            self.keep(x)
        return self.answer(x)


class IsSupport(Context):
    def forward(self, x: Tensor, is_support: bool, /) -> Tensor:
        if is_support:
            self.keep(x)
        return self.answer(x)


class IsTraining(Running):
    def forward(self, x: Tensor, is_training: bool = False) -> Tensor:
        return self.move(x) if is_training else self.stored(x)


class UsesRunning(Running):
    def forward(self, x: Tensor, *, use_running_average: bool) -> Tensor:
        return self.stored(x) if use_running_average else self.move(x)


class BnTraining(Context):
    def forward(self, x: Tensor, bn_training: bool = True) -> Tensor:
        if bn_training:
            self.keep(x)
        return self.answer(x)


# a method that sets the mode


class Shots(Context):
    """Knows words of its own, and refuses all others."""

    def forward(self, x: Tensor, mode: str) -> Tensor:
        if mode == "shots":
            self.keep(x)
        elif mode != "queries":
            raise ValueError(mode)
        return self.answer(x)


class Passes(Context):
    """Nothing about its argument is known but what it is compared with."""

    PASSES = ("first", "second")

    def forward(self, x: Tensor, turn: str = "first") -> Tensor:
        if turn not in self.PASSES:
            raise KeyError(turn)
        if turn == "first":
            self.keep(x)
        return self.answer(x)


class FromContext(Context):
    def forward(self, x: Tensor, from_context: bool) -> Tensor:
        if not from_context:
            self.keep(x)
        return self.answer(x)


class AnyKeywords(Context):
    def forward(self, x: Tensor, **how: Any) -> Tensor:
        if how.get("is_support", True):
            self.keep(x)
        return self.answer(x)


class Matches(Context):
    def forward(self, x: Tensor, stage: int) -> Tensor:
        match stage:
            case 3:
                self.keep(x)
            case 4:
                pass
            case _:
                raise ValueError(stage)
        return self.answer(x)


class Centred(nn.Module):
    """Options that change its outputs and tell nothing of a context."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, centre: bool = True, kind: str = "rms") -> Tensor:
        y = x - x.mean(tuple(range(2, x.dim())), keepdim=True) if centre else x
        return own(y) if kind == "rms" else y


class SetsMode(Context):
    mode = "support"

    def set_mode(self, mode: str) -> None:
        if mode not in ("support", "query"):
            raise ValueError(f"no mode {mode!r}")
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        if self.mode == "support":
            self.keep(x)
        return self.answer(x)


class TwoMethods(Context):
    conditioning = True

    def condition_mode(self) -> None:
        self.conditioning = True

    def predict_mode(self) -> None:
        self.conditioning = False

    def forward(self, x: Tensor) -> Tensor:
        if self.conditioning:
            self.keep(x)
        return self.answer(x)


class Enables(Context):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self._adapts = False

    def enable_adaptation(self) -> None:
        self._adapts = True

    def disable_adaptation(self) -> None:
        self._adapts = False

    def forward(self, x: Tensor) -> Tensor:
        if self._adapts:
            self.keep(x)
        return self.answer(x) if self.kept is not None else own(x)


class Enters(Context):
    """One method, of an unusual name, takes words of its own."""

    place = "episode"

    def enter(self, name: str) -> None:
        if name not in ("episode", "answer"):
            raise KeyError(name)
        self.place = name

    def forward(self, x: Tensor) -> Tensor:
        if self.place == "episode":
            self.keep(x)
        return self.answer(x)


class SetsAdapting(Context):
    _adapts = True

    def set_adapting(self, flag: bool) -> None:
        self._adapts = flag

    def forward(self, x: Tensor) -> Tensor:
        if self._adapts:
            self.keep(x)
        return self.answer(x)


class UsesStored(Context):
    """Wants an attribute set."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.use_stored = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.use_stored:
            self.keep(x)
        return self.answer(x)


class PhaseProperty(Context):
    _phase = "adapt"

    @property
    def phase(self) -> str:
        return self._phase

    @phase.setter
    def phase(self, value: str) -> None:
        if value not in {"adapt", "infer"}:
            raise ValueError(value)
        self._phase = value

    def forward(self, x: Tensor) -> Tensor:
        if self._phase == "adapt":
            self.keep(x)
        return self.answer(x)


# a method for either side


class ForwardTwice(Context):
    def forward_support(self, x: Tensor) -> Tensor:
        self.keep(x)
        return self.answer(x)

    def forward_query(self, x: Tensor) -> Tensor:
        return self.answer(x)


class FitsAndPredicts(nn.Module):
    """Hands a state from one to the other, and cannot be called."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def fit(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        state = moments(x)
        return apart(x, state), state

    def predict(self, x: Tensor, state: tuple[Tensor, Tensor]) -> Tensor:
        return apart(x, state)


class Prepared(Context):
    """Returns three things for a context."""

    def condition_on(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, var = moments(x)
        return apart(x, (mean, var)), mean, var

    def apply_to(self, x: Tensor, state: tuple[Tensor, Tensor]) -> Tensor:
        return apart(x, state)


# more than outputs


class WithMoments(Own):
    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # type: ignore[override]  # a call of its own
        return own(x), moments(x)


class InADict(FlagPlain):
    def forward(self, x: Tensor) -> dict[str, Tensor]:  # type: ignore[override]  # a call of its own
        return {"norm": x.mean((2, 3)), "out": super().forward(x)}


class InAList(Average):
    def forward(self, x: Tensor) -> list[Tensor | None]:  # type: ignore[override]  # a call of its own
        return [None, super().forward(x)]


# a method that takes the context


class SetsContext(Context):
    def set_context(self, x: Tensor) -> None:
        self.keep(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(x)


class AdaptsTo(Context):
    """Answers by the item's own before."""

    def adapt(self, support: Tensor) -> AdaptsTo:
        self.keep(support)
        return self

    def forward(self, x: Tensor) -> Tensor:
        return own(x) if self.kept is None else self.answer(x)


class UpdatesStats(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))

    @torch.no_grad()
    def update_stats(self, x: Tensor) -> None:
        mean, var = moments(x)
        self.mean.copy_(mean.flatten())
        self.var.copy_(var.flatten())

    def forward(self, x: Tensor) -> Tensor:
        return apart(x, (rows(x, self.mean), rows(x, self.var)))


# the number of a step


class StepWeights(nn.Module):
    def __init__(self, channels: int, steps: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(steps, channels))
        self.bias = nn.Parameter(torch.zeros(steps, channels))

    def forward(self, x: Tensor, num_step: int) -> Tensor:
        y = apart(x, moments(x))
        return y * rows(x, self.weight[num_step]) + rows(x, self.bias[num_step])


class StepMoments(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, x: Tensor, step: int = 0) -> Tensor:
        return self.norms[min(step, 1)](x)


class StepContext(Context):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.num_steps = 2
        self.gains = nn.ParameterList(nn.Parameter(torch.ones(channels)) for _ in range(2))

    def forward(self, x: Tensor, step: int) -> Tensor:
        if self.training:
            self.keep(x)
        return self.answer(x) * rows(x, self.gains[step])


class StepsOfFive(nn.Module):
    """Gains of each step behind dimensions of their own; its name for their number is its own."""

    def __init__(self, channels: int, trained: int = 5) -> None:
        super().__init__()
        self.register_buffer("shape", torch.ones(1, channels))
        self.gains = nn.Parameter(torch.ones(trained, 1, channels))

    def forward(self, x: Tensor, step: int = 0) -> Tensor:
        return apart(x, moments(x)) * rows(x, self.gains[step].flatten())


class StepsOfTwelve(StepWeights):
    def __init__(self, channels: int) -> None:
        super().__init__(channels, 12)


class StepOfAnyName(StepWeights):
    def forward(self, x: Tensor, i: int) -> Tensor:  # type: ignore[override]  # a call of its own
        return super().forward(x, i)


class StepByMethod(StepWeights):
    step = 0

    def set_step(self, step: int) -> None:
        self.step = step

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # a call of its own
        return super().forward(x, self.step)


class StepByAttribute(StepWeights):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.current_step = 0

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # a call of its own
        return super().forward(x, self.current_step)


class StepAndMore(StepWeights):
    """As the norms of MAML++ are called: the step, and parameters that may be given."""

    def forward(  # type: ignore[override]  # a call of its own
        self, x: Tensor, num_step: int, params: dict[str, Tensor] | None = None
    ) -> Tensor:
        if params is None:
            params = dict(self.named_parameters())
        y = apart(x, moments(x))
        return y * rows(x, params["weight"][num_step]) + rows(x, params["bias"][num_step])


# parameters with every call


class ParamsDict(Context):
    def forward(self, x: Tensor, params: dict[str, Tensor] | None = None) -> Tensor:
        if self.training:
            self.keep(x)
        given = dict(self.named_parameters()) if params is None else params
        return self.answer(x, given["weight"], given["bias"])


class WeightsList(Context):
    def forward(self, x: Tensor, weights: list[Tensor]) -> Tensor:
        weight, bias = weights
        if not isinstance(weight, torch.Tensor):
            raise TypeError("weights are a list of tensors")
        if self.training:
            self.keep(x)
        return self.answer(x, weight, bias)


class WeightAndBias(Context):
    def forward(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if self.training:
            self.keep(x)
        return self.answer(x, weight, bias)


class NoneOfItsOwn(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, params: dict[str, Tensor]) -> Tensor:
        return own(x) * rows(x, params["weight"]) + rows(x, params["bias"])


class Attribute(nn.Module):
    """Wants its parameters set as an attribute before it is called."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.fast_weights: dict[str, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.fast_weights is None:
            raise RuntimeError("no fast weights yet")
        return own(x) * rows(x, self.fast_weights["weight"]) + rows(x, self.fast_weights["bias"])


class AnyName(Context):
    """Takes its parameters in an argument of an unusual name."""

    def forward(self, x: Tensor, adapted: dict[str, Tensor]) -> Tensor:
        if self.training:
            self.keep(x)
        return self.answer(x) * rows(x, adapted["weight"]) + rows(x, adapted["bias"])


class NamedAsInANetwork(AnyName):
    def forward(self, x: Tensor, weights: dict[str, Tensor]) -> Tensor:  # type: ignore[override]  # a call of its own
        own_names = {"weight": weights["bn.weight"], "bias": weights["bn.bias"]}
        return super().forward(x, own_names)


class FastOnes(Context):
    """Fast weights lie on the parameters themselves."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        for parameter in self.parameters():
            parameter.fast = None  # type: ignore[attr-defined]  # that is the convention

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = (p if p.fast is None else p.fast for p in (self.weight, self.bias))  # type: ignore[attr-defined]  # as above
        return own(x) * rows(x, weight) + rows(x, bias)


# backup and restore


class BacksUp(Running):
    def forward(self, x: Tensor) -> Tensor:
        return self.move(x) if self.training else self.stored(x)

    def backup_stats(self) -> None:
        self._backup = self.mean.clone(), self.var.clone()

    def restore_stats(self) -> None:
        self.mean.copy_(self._backup[0])
        self.var.copy_(self._backup[1])


class Snapshots(Running):
    """Returns what it backs up, and wants it back."""

    def forward(self, x: Tensor) -> Tensor:
        return self.move(x) if self.training else self.stored(x)

    def snapshot(self) -> dict[str, Tensor]:
        return copy.deepcopy(self.state_dict())

    def restore(self, kept: dict[str, Tensor]) -> None:
        self.load_state_dict(kept)


class BackedUpBatch(Running):
    """Answers by the batch always, and moves running moments that a task must not keep."""

    def forward(self, x: Tensor) -> Tensor:
        return self.move(x)

    def backup_running_statistics(self) -> None:
        self._backup = self.mean.clone(), self.var.clone()

    def restore_backup_stats(self) -> None:
        self.mean.copy_(self._backup[0])
        self.var.copy_(self._backup[1])


class BeginsTasks(Running):
    """Adds every context to those before, until a task begins."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.begin_task()

    def begin_task(self) -> None:
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen += 1
            self.momentum = 1 / self.seen
            self.move(x)
        return self.stored(x)


class Resets(Context):
    """Blends each context with those before, until it is reset."""

    def reset(self) -> None:
        self.kept = None

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            before = self.kept
            self.keep(x)
            if before is not None:
                mean, var = (0.25 * a + 0.75 * b for a, b in zip(before, self.kept, strict=True))
                self.kept = mean, var
        return self.answer(x)


# what wraps or converts a given model


class Wraps(nn.Module):
    def __init__(self, bn: nn.BatchNorm2d) -> None:
        super().__init__()
        self.bn = bn

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(x) * 0.5


def converted(model: nn.Module) -> nn.Module:
    for name, part in model.named_children():
        if isinstance(part, nn.BatchNorm2d):
            setattr(model, name, FlagPlain(part.num_features))
    return model


def converted_in_place(net: nn.Module) -> None:
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.track_running_stats = False
            part.running_mean = part.running_var = None


# networks, and layers that are there


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.block = nn.ModuleDict({"bn": nn.BatchNorm2d(6), "flag": FlagPlain(6)})

    def forward(self, x: Tensor) -> Tensor:
        return self.block["flag"](self.block["bn"](self.conv(x))).mean((2, 3))


NETWORK = Network()
LAYER = nn.BatchNorm2d(5).eval()


def layer_of_seven() -> nn.Module:
    return FlagPlain(7)


def several() -> list[nn.Module]:
    return [FlagPlain(4), nn.InstanceNorm2d(6, affine=True)]


CONVENTIONS: dict[str, tuple[Callable[..., Any], ...]] = {
    "mode_flag": (FlagPlain, FlagBuffers, FlagBlend, FlagOfItsOwn),
    "frozen": (Average, Cumulative, LargestVariance, AdaptsAlways, Fast),
    "in_eval": (MixedInTraining, Noisy, Blends),
    "no_context": (Own, Batch, NoModule, AlwaysTraining, Centred),
    "explicit_state": (Explicit, ExplicitObject, ExplicitToo),
    "handed_moments": (HandedPair, HandedApart, HandedByName),
    "handed_in_train": (HandedInTraining,),
    "stats[compute_stats]+handed_moments": (StatsOne, StatsTwo),
    "stats[get_moments]+handed_moments": (StatsDict,),
    "option[mode='support','query']+mode_flag": (Modes,),
    "option[phase=ADAPT,PREDICT]+mode_flag": (Phases,),
    "option[stage='inner','outer']+mode_flag": (Literals,),
    "option[is_support=True,False]+mode_flag": (IsSupport, AnyKeywords),
    "option[mode='shots','queries']+mode_flag": (Shots,),
    "option[turn='first','second']+mode_flag": (Passes,),
    "option[from_context=False,True]+mode_flag": (FromContext,),
    "option[stage=3,4]+mode_flag": (Matches,),
    "option[is_training=True,False]+frozen": (IsTraining,),
    "option[use_running_average=False,True]+frozen": (UsesRunning,),
    "option[bn_training=True,False]+mode_flag": (BnTraining,),
    "set_mode[set_mode='support','query']+mode_flag": (SetsMode,),
    "set_mode[condition_mode,predict_mode]+mode_flag": (TwoMethods,),
    "set_mode[enable_adaptation,disable_adaptation]+mode_flag": (Enables,),
    "set_mode[enter='episode','answer']+mode_flag": (Enters,),
    "set_mode[set_adapting=True,False]+mode_flag": (SetsAdapting,),
    "set_mode[.use_stored=False,True]+mode_flag": (UsesStored,),
    "set_mode[.phase='adapt','infer']+mode_flag": (PhaseProperty,),
    "methods[forward_support,forward_query]+mode_flag": (ForwardTwice,),
    "methods[fit,predict]+no_context": (FitsAndPredicts,),
    "methods[condition_on,apply_to]+no_context": (Prepared,),
    "outputs[0]+no_context": (WithMoments,),
    "outputs['out']+mode_flag": (InADict,),
    "outputs[1]+frozen": (InAList,),
    "taught[set_context]+mode_flag": (SetsContext,),
    "taught[adapt]+mode_flag": (AdaptsTo,),
    "taught[update_stats]+mode_flag": (UpdatesStats,),
    "step[num_step=0,1,2]+no_context": (StepWeights,),
    "step[i=0,1,2]+no_context": (StepOfAnyName,),
    "step[set_step()=0,1,2]+no_context": (StepByMethod,),
    "step[.current_step=0,1,2]+no_context": (StepByAttribute,),
    "step[step=0,1,2]+frozen": (StepMoments,),
    "step[step=0,1]+mode_flag": (StepContext,),
    "step[step=0,1,2,3,4]+no_context": (StepsOfFive,),
    "step[num_step=0,1,2,6,10,11]+no_context": (StepsOfTwelve,),
    "step[num_step=0,1,2]+functional[params=dict]+no_context": (StepAndMore,),
    "functional[params=dict]+mode_flag": (ParamsDict,),
    "functional[weights=list]+mode_flag": (WeightsList,),
    "functional[weight,bias]+mode_flag": (WeightAndBias,),
    "functional[params=dict:weight,bias]+no_context": (NoneOfItsOwn,),
    "functional[.fast_weights=dict]+no_context": (Attribute,),
    "functional[adapted=dict]+mode_flag": (AnyName,),
    "functional[weights=dict@bn.]+mode_flag": (NamedAsInANetwork,),
    "functional[*.fast]+no_context": (FastOnes,),
    "backup[begin_task]+mode_flag": (BeginsTasks,),
    "backup[reset]+mode_flag": (Resets,),
    "backup[backup_stats,restore_stats]+mode_flag": (BacksUp,),
    "backup[snapshot,restore]+mode_flag": (Snapshots,),
    "backup[backup_running_statistics,restore_backup_stats]+no_context": (BackedUpBatch,),
}
"""Layers by the adapter that recognises them."""
