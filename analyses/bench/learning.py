"""`python -m tnverify.bench learning`: what training costs, as ratios taken in one run.

Steps are timed in turn, in processor time on a CPU and by events on a GPU. A step is the loss of
a meta-batch of four tasks and its gradient, on glyphs; with data, also taking the tasks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import torch

from tnverify.analyses.bench.profile import norm_share
from tnverify.analyses.bench.steps import PAPERS, QUICKS, Case, Meta, prepared
from tnverify.bench.timing import medians, pin_heap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAML_TASKS: dict[str, dict[str, Any]] = {
    "second order, 1 step": {"order": 2, "steps": 1, "inner_rate": 0.4},
    "first order, 1 step": {"order": 1, "steps": 1, "inner_rate": 0.4},
    "first order, 5 steps": {"order": 1, "steps": 5, "inner_rate": 0.05},
}
_FIVE_SHOT = {"shot": 5, "targets": 5}
_NETWORKS = {
    "conv4 64": PAPERS,
    "conv4 32, strided": QUICKS,
    "conv4 8": {"kind": "conv4", "width": 8, "reduce": "stride"},
}
_USUAL = ("conv4 64", "conv4 32, strided")
"""The networks that are measured unless others are asked for."""

_GOALS = {"maml": 1.15, "norm share": 0.30, "data share": 0.03}
"""What is aimed at: at most so much of each."""


class Row(NamedTuple):
    """A ratio: `quantity` of `subject` over that of `against`; `goal` is the most aimed at."""

    quantity: str
    subject: str
    against: str
    network: str
    device: str
    value: float
    goal: float | None


class Setting(NamedTuple):
    """Where, on what and for how long to measure. `networks` are names of `_NETWORKS`."""

    device: str = "cpu"
    data: str = "glyphs"
    budget: float = 3.0
    networks: tuple[str, ...] = _USUAL
    on_case: Callable[[str], None] = lambda _text: None


def measure(setting: Setting) -> list[Row]:
    """All rows; `budget` seconds are spent on each group of timings."""
    torch.set_num_threads(1)
    rows: list[Row] = []
    for network in setting.networks:
        for measured in (_maml, _norms, _data, _launches):
            if measured is _norms and setting.device != "cpu":
                continue
            setting.on_case(f"{network}: {measured.__name__.removeprefix('_')}")
            rows.extend(measured(setting, network))
    return rows


def _prepared(
    setting: Setting, network: str, learner: str, scheme: str, train: dict[str, Any]
) -> Meta:
    return prepared(Case(learner, scheme, _NETWORKS[network], train, setting.data, setting.device))


def _maml(setting: Setting, network: str) -> Iterator[Row]:
    """A step over TaskNorm-I against one over transductive BN, and what separates the two.

    Context moments are taken anew with the adapted weights, which is a pass more than where
    targets do not read them; `meta_bn` makes it too.
    """
    for name, train in _MAML_TASKS.items():
        schemes = ("transductive_bn", "meta_bn", "tasknorm_i")
        made = {s: _prepared(setting, network, "maml", s, train) for s in schemes}
        device = made["meta_bn"].device
        steps = {scheme: meta.gradient() for scheme, meta in made.items()}
        seconds = medians(steps, device, budget=setting.budget)
        for subject, against, goal in (
            ("tasknorm_i", "transductive_bn", _GOALS["maml"]),
            ("tasknorm_i", "meta_bn", None),
        ):
            ratio = seconds[subject] / seconds[against]
            what = f"MAML step, {name}"
            yield Row(what, subject, against, network, setting.device, ratio, goal)


def _norms(setting: Setting, network: str) -> Iterator[Row]:
    """The share of norms in a step of prototypical networks, by profile."""
    for scheme in ("transductive_bn", "tasknorm_i"):
        meta = _prepared(setting, network, "protonets", scheme, _FIVE_SHOT)
        repeats = 3 if setting.budget >= 1.0 else 1
        share = norm_share(meta.learner, meta.gradient(), repeats)
        what, goal = "norms in a step of prototypical networks", _GOALS["norm share"]
        yield Row(what, scheme, "step", network, setting.device, share, goal)


def _data(setting: Setting, network: str) -> Iterator[Row]:
    """The share of making tasks in an iteration."""
    for learner in ("protonets", "maml"):
        meta = _prepared(setting, network, learner, "tasknorm_i", _FIVE_SHOT)
        meta.training.step(0)
        steps = [meta.training.step(number) for number in range(1, 6)]
        share = sum(s.seconds_of_data for s in steps) / sum(s.seconds for s in steps)
        what, goal = f"taking tasks in an iteration of {learner}", _GOALS["data share"]
        yield Row(what, "tasks", "iteration", network, setting.device, share, goal)


def _launches(setting: Setting, network: str) -> Iterator[Row]:
    """A meta-batch in one launch against a loop over its tasks."""
    for learner in ("protonets", "maml"):
        made = {
            launch: _prepared(setting, network, learner, "tasknorm_i", {"launch": launch})
            for launch in ("stack", "loop")
        }
        steps = {launch: meta.gradient() for launch, meta in made.items()}
        seconds = medians(steps, made["loop"].device, budget=setting.budget)
        ratio = seconds["stack"] / seconds["loop"]
        what = f"four tasks of {learner}"
        yield Row(what, "one launch", "loop", network, setting.device, ratio, None)


def _show(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for network in dict.fromkeys(row.network for row in rows):
        table = Table(title=f"{network}, {rows[0].device}: ratios")
        for column in ("what", "of", "to", "ratio", "at most"):
            table.add_column(column, justify="right" if column in {"ratio", "at most"} else "left")
        for row in rows:
            if row.network == network:
                goal = "" if row.goal is None else f"{row.goal:.2f}"
                table.add_row(row.quantity, row.subject, row.against, f"{row.value:.3f}", goal)
        console.print(table)


@click.command()
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@click.option("--network", "networks", multiple=True, type=click.Choice(list(_NETWORKS)))
@click.option("--data", default="glyphs", show_default=True, help="As for --data of an analysis.")
@click.option("--budget", default=3.0, show_default=True, help="Seconds for each timing.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path))
def learning(
    device: str, networks: tuple[str, ...], data: str, budget: float, json_path: Path | None
) -> None:
    """Time meta-training: norms in a step, taking tasks, meta-batches in one launch."""
    if device == "cuda" and not torch.cuda.is_available():
        raise click.UsageError("--device cuda: torch finds no CUDA device on this machine")
    if device == "cpu":
        pin_heap()
    from rich.console import Console

    tell = Console(stderr=True, highlight=False).print
    rows = measure(Setting(device, data, budget, networks or _USUAL, tell))
    if json_path is not None:
        listed = [row._asdict() for row in rows]
        json_path.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    _show(rows)
