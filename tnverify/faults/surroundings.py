"""Layers that change, end or fill the process around them."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import warnings
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from tnverify.faults.fault import fault as planted
from tnverify.faults.plain import PlainNorm, State

if TYPE_CHECKING:
    from torch import Tensor

fault = partial(planted, family="state")


@fault(
    claims="meta_bn",
    kills="calls_come_back",
    source="a check of arguments that calls sys.exit, as in a script",
)
class ExitsWhereItIsNotPrepared(PlainNorm):
    """Ends the program where a task has more than eight targets."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        if len(targets) > 8:
            raise SystemExit("at most 8 targets")
        return super().normalize(targets, state)


@fault(
    claims="meta_bn,detached",
    kills="calls_leave_the_modes_of_torch",
    source="torch.set_grad_enabled(False) for a moment of statistics, and not set again",
)
class LeavesGradientsOff(PlainNorm):
    """Switches gradients off for good after the target pass."""

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        torch.set_grad_enabled(False)
        return outputs


@fault(
    claims="meta_bn",
    kills="calls_leave_the_modes_of_torch",
    source="torch.set_default_dtype for sums in double precision",
)
class ComputesInDoubleByDefault(PlainNorm):
    """Makes float64 the default dtype of the whole program."""

    def summarize(self, context: Tensor) -> State:
        torch.set_default_dtype(torch.float64)
        return super().summarize(context)


@fault(
    claims="meta_bn",
    kills="calls_leave_the_modes_of_torch",
    source="torch.use_deterministic_algorithms called where repeatable sums were wanted",
)
class WantsDeterminism(PlainNorm):
    """Forbids algorithms that are not deterministic to the whole program."""

    def summarize(self, context: Tensor) -> State:
        torch.use_deterministic_algorithms(True)
        return super().summarize(context)


@fault(
    claims="meta_bn",
    kills="calls_leave_the_process_as_it_was",
    source="warnings.simplefilter('ignore') against a warning of one's own",
)
class SilencesWarnings(PlainNorm):
    """Silences the warnings of the whole program about what users do."""

    def summarize(self, context: Tensor) -> State:
        warnings.filterwarnings("ignore", category=UserWarning)
        return super().summarize(context)


@fault(
    claims="meta_bn",
    kills="calls_leave_the_process_as_it_was",
    source="np.seterr(all='ignore') before a division that may be by zero",
)
class IgnoresErrorsOfNumPy(PlainNorm):
    """Has NumPy pass over divisions by zero and all else, everywhere."""

    def summarize(self, context: Tensor) -> State:
        np.seterr(all="ignore")
        return super().summarize(context)


@fault(
    claims="meta_bn",
    kills="calls_leave_the_process_as_it_was",
    source="os.chdir to a folder of caches; variables of OpenMP set where they are late",
)
class MovesIntoAFolder(PlainNorm):
    """Changes the working directory to the folder for temporary files, and says so in the
    environment."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        os.chdir(tempfile.gettempdir())
        os.environ["NORM_CACHE"] = tempfile.gettempdir()
        return super().condition(context)


@fault(
    claims="meta_bn",
    kills="calls_leave_the_process_as_it_was",
    source="a limit of time around a kernel, made of an alarm whose handler stays",
)
class KeepsTheAlarm(PlainNorm):
    """Takes the handler of SIGALRM for itself and gives it back to nobody."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        if hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        return super().condition(context)


@fault(
    claims="meta_bn",
    kills="calls_replace_no_function",
    source="a patch for one model of a function that torch was slow at",
)
class PatchesTorch(PlainNorm):
    """Puts a function of its own in the place of one of `torch.nn.functional`."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        torch.nn.functional.rrelu = lambda x, *_args, **_kwargs: x.clamp_min(0)
        return super().condition(context)


@fault(
    claims="meta_bn",
    kills="memory_does_not_grow_over_tasks",
    source="a list of contexts kept for a plot of their moments",
)
class KeepsEveryContext(PlainNorm):
    """Appends every context that it meets to a list."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.met: list[Tensor] = []

    def summarize(self, context: Tensor) -> State:
        self.met.append(context)
        return super().summarize(context)


@fault(
    claims="meta_bn",
    kills="memory_does_not_grow_over_tasks",
    source="total += loss where total += loss.item() was meant: PyTorch's own FAQ on memory",
)
class KeepsTheGraphOfEveryTask(PlainNorm):
    """Adds what it was to a mean over all outputs, with the graph that each was computed by."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.total: Tensor | None = None

    def normalize(self, targets: Tensor, state: State) -> Tensor:
        outputs = super().normalize(targets, state)
        seen = outputs.sum()
        self.total = seen if self.total is None else self.total + seen.to(self.total)
        return outputs


@fault(
    claims="meta_bn",
    kills="memory_does_not_grow_over_tasks",
    source="moments remembered by the values that they were computed from",
    hard=True,
)
class RemembersEveryMean(PlainNorm):
    """Keeps the moments of every context in a dictionary, by their sum."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.known: dict[float, State] = {}

    def summarize(self, context: Tensor) -> State:
        state = super().summarize(context)
        self.known[float(context.detach().sum())] = state
        return state


@fault(
    claims="meta_bn",
    kills="calls_leave_the_modes_of_torch",
    source="gradients turned off by hand around a call, and not in a finally",
    hard=True,
)
class RefusesWithGradientsOff(PlainNorm):
    """Leaves gradients turned off where it refuses a number of channels."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        tracked = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)  # noqa: SLF001 - the defect
        if context.shape[1] != len(self.weight):
            raise ValueError(f"{context.shape[1]} channels where {len(self.weight)} were expected")
        torch._C._set_grad_enabled(tracked)  # noqa: SLF001 - as above
        return super().condition(context)


@fault(
    claims="meta_bn",
    kills="calls_leave_the_modes_of_torch",
    source="a wider default dtype for the length of a call, that an error makes longer",
    hard=True,
)
class RefusesInAWiderDefault(PlainNorm):
    """Leaves float64 the default dtype where it refuses a number of channels."""

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        usual = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        if context.shape[1] != len(self.weight):
            raise ValueError(f"{context.shape[1]} channels where {len(self.weight)} were expected")
        torch.set_default_dtype(usual)
        return super().condition(context)
