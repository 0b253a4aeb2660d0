"""One measurement of cost: every scheme inside one network, timed in turn in one process."""

from __future__ import annotations

import copy
import functools
import os
from typing import TYPE_CHECKING, Any

import torch

from tnverify.analyses.learners.networks import conv4, resnet18
from tnverify.analyses.sweep import Trained
from tnverify.bench.timing import bytes_kept, counted, seconds_of
from tnverify.norms import TaskNetwork, convert

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from tnverify.analyses.sweep import Workplace

SOURCES = ("tnverify.norms", "tnverify.bench.timing", "tnverify.analyses.learners.networks",
           "tnverify.analyses.programs.costing")  # fmt: skip
"""Whose change makes a measurement a new one."""


def measure(configuration: Mapping[str, Any], workplace: Workplace) -> Trained:
    """Times and memory of a training step (conditioning, normalising, backward) and of testing.

    Columns: `times/` `scheme`, `round`, `step` and `test` in seconds; `memory/` `scheme`, `kept`
    (bytes that autograd keeps of a step), `peak` (bytes alive at once beyond those before it),
    `operations` (of torch, a step). Schemes are timed in turn, round by round, so that whatever
    slows the machine slows all alike.
    """
    # The profiler that counts memory would tell of every start on stderr.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    device = torch.device(configuration["device"])
    torch.set_num_threads(1)
    torch.manual_seed(configuration["seed"])
    network, shape = configuration["network"], configuration["images"]
    build = conv4 if network["kind"] == "conv4" else resnet18
    body = build(channels=shape[0], width=network["width"])
    context = torch.randn(configuration["context"], *shape, device=device)
    targets = torch.randn(configuration["targets"], *shape, device=device)
    tasks = {
        scheme: TaskNetwork(convert(copy.deepcopy(body), scheme)).to(device)
        for scheme in configuration["schemes"]
    }
    steps = {scheme: _step(each, context, targets) for scheme, each in tasks.items()}
    tests = {scheme: _test(each, context, targets) for scheme, each in tasks.items()}
    for warm in (*steps.values(), *tests.values()):
        warm()
    times: dict[str, list[Any]] = {name: [] for name in ("scheme", "round", "step", "test")}
    for number in range(configuration["rounds"]):
        workplace.tell(number, configuration["rounds"])
        for scheme in tasks:
            values = (scheme, number, seconds_of(steps[scheme], device),
                      seconds_of(tests[scheme], device))  # fmt: skip
            for column, value in zip(times.values(), values, strict=True):
                column.append(value)
    memory: dict[str, list[Any]] = {name: [] for name in ("scheme", "kept", "peak", "operations")}
    for scheme, each in tasks.items():
        found = counted(steps[scheme], device)
        kept = bytes_kept(functools.partial(_outputs, each, targets=targets), context)
        for column, value in zip(
            memory.values(), (scheme, kept, found.peak, found.operations), strict=True
        ):
            column.append(value)
    arrays = {f"times/{name}": column for name, column in times.items()}
    arrays |= {f"memory/{name}": column for name, column in memory.items()}
    return Trained({"rounds": configuration["rounds"]}, arrays)


def _outputs(tasks: TaskNetwork, context: Tensor, targets: Tensor) -> Tensor:
    features, state = tasks.condition(context)
    loss: Tensor = features.square().mean() + tasks.normalize(targets, state).square().mean()
    return loss


def _step(tasks: TaskNetwork, context: Tensor, targets: Tensor) -> Callable[[], None]:
    def step() -> None:
        tasks.train()
        tasks.zero_grad(set_to_none=True)
        torch.autograd.backward(_outputs(tasks, context, targets))

    return step


def _test(tasks: TaskNetwork, context: Tensor, targets: Tensor) -> Callable[[], None]:
    def test() -> None:
        tasks.eval()
        with torch.no_grad():
            _outputs(tasks, context, targets)

    return test
