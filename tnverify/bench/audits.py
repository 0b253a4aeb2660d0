"""`python -m tnverify.bench audit`: what an audit costs, in evaluations of one task.

The unit is one plain evaluation of the first task by the same learner in the same process: a
fresh learner that is shown its context and predicts its targets. Processor time is taken, so that
other processes do not count.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import torch
from torch import Tensor, nn

from tnverify.auditing.options import AuditOptions
from tnverify.auditing.run import audit

if TYPE_CHECKING:
    from collections.abc import Callable

_GOALS = {"quick": 15.0, "default": 60.0}
_PLAIN = 5
"""Plain evaluations that are timed; the median counts."""


class Conv4(nn.Module):
    """A prototypical network of four blocks of convolution with group norm, 64 channels wide."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for channels in (1, 64, 64, 64):
            blocks += [nn.Conv2d(channels, 64, 3, padding=1), nn.GroupNorm(8, 64), nn.ReLU(),
                       nn.MaxPool2d(2)]  # fmt: skip
        self.network = nn.Sequential(*blocks, nn.Flatten())

    def forward(self, support: Tensor, support_labels: Tensor, query: Tensor) -> Tensor:
        features = self.network(support)
        classes = range(int(support_labels.max()) + 1)
        means = torch.stack([features[support_labels == c].mean(0) for c in classes])
        return -torch.cdist(self.network(query), means)


class Row(NamedTuple):
    """What an audit costs in one profile."""

    profile: str
    seconds: float
    plain: float
    laws: int

    @property
    def evaluations(self) -> float:
        return self.seconds / self.plain


def measured(profile: str) -> Row:
    """Audit the learner in this process; its cost, and that of a plain evaluation."""
    from tnverify.auditing.driving.recognise import Found, recognise, task_of

    options = AuditOptions(profile=profile, input_shape=(1, 28, 28))
    driven = recognise(Found("conv4", Conv4), options, ())
    task = task_of(driven, replace(options, shot=5, targets=15), 0)
    taken = [_seconds(lambda: driven.session().answer(task)) for _ in range(_PLAIN)]
    started = time.process_time()
    report = audit("conv4", options, live=Conv4, isolated=False).subjects[0]
    spent = time.process_time() - started
    return Row(profile, spent, statistics.median(taken), len(report.laws))


def _seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


@click.command("audit")
@click.option("--profile", "profiles", multiple=True, default=tuple(_GOALS), show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the rows here too.")
def audits(profiles: tuple[str, ...], file: Path | None) -> None:
    """Time audits of a conv4 learner, in plain evaluations of one 5-way 5-shot task."""
    torch.set_num_threads(1)
    rows = [measured(profile) for profile in profiles]
    for row in rows:
        goal = _GOALS.get(row.profile)
        said = "" if goal is None else f" (goal: at most {goal:.0f})"
        click.echo(
            f"{row.profile}: {row.evaluations:.0f} evaluations of one task{said};"
            f" {row.seconds:.1f} s for {row.laws} laws, one evaluation {1000 * row.plain:.0f} ms"
        )
    if file is not None:
        told = [row._asdict() | {"evaluations": row.evaluations} for row in rows]
        file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
