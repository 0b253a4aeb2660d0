"""Trainings and the test cells of each, as the configurations that are swept.

One trained run serves every analysis that asks for it: the same configuration has the same
record, whoever asked first.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tnverify.analyses.data import load_data
from tnverify.analyses.programs.request import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tnverify.analyses.programs.request import Request

Configuration = dict[str, Any]

PAPER_SCHEMES = (
    "tasknorm_i", "tasknorm_l", "tasknorm_r", "meta_bn", "reptile_norm", "transductive_bn",
    "conventional_bn", "batch_renorm", "instance_norm", "layer_norm",
)  # fmt: skip
"""The schemes that the paper compares."""

EVERY_SCHEME = (*PAPER_SCHEMES, "none")

WITH_BASELINE = (*EVERY_SCHEME, "baseline")
"""CNAPs alone has frozen pre-trained moments to fall back on."""

IN_PARTS = ", in parts"
"""What the name of a cell ends in whose targets come in parts as well as all at once."""

TARGETS = 10
"""Targets of each class, as in Meta-Dataset: with ten context items that is every glyph."""

MOST_FOREIGN_WAYS = 10
"""There are ten digits."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a learner is trained: at a fixed way and shot, or (both None) at varied ones."""

    learner: str
    way: int | None = None
    shot: int | None = None

    @property
    def varied(self) -> bool:
        return self.way is None

    @property
    def tasks(self) -> str:
        return "varied" if self.varied else "fixed"

    def called(self, data: str) -> str:
        """What a test cell of this setup on `data` is called."""
        return data if self.varied else f"{data}-{self.way}-{self.shot}"


def fixed(learner: str, way: int, shot: int) -> Setup:
    return Setup(learner, way, shot)


def varied(learner: str) -> Setup:
    return Setup(learner)


def cells(request: Request, setup: Setup) -> list[Configuration]:
    """The test cells of a setup: its own data, foreign data, no style, targets in parts."""
    own = setup.called(request.kind)
    sets = data_sets(request.data)
    first: Configuration = {"dataset": sets[0]} if sets else {}
    made = [cell(request, setup, own)]
    if sets:
        made = [cell(request, setup, setup.called(each), dataset=each) for each in sets]
    if setup.varied or (setup.way or 0) <= MOST_FOREIGN_WAYS:
        made += [cell(request, setup, setup.called(d), data=d) for d in FOREIGN]
    if request.style != "none":
        made.append(cell(request, setup, f"{own} (plain)", style="none", **first))
    in_parts = request.size.in_parts[setup.varied]
    parts = cell(request, setup, own + IN_PARTS, tasks=in_parts, **first)
    return [*made, parts | {"batchings": ["all", "class", "item"]}]


@functools.cache
def data_sets(data: str) -> tuple[str, ...]:
    """The names of the data sets that have test classes, where `data` is several of them; empty
    where it is one. Raises DataError."""
    if data.partition(":")[0] != "meta-dataset":
        return ()
    return tuple(each.name for each in load_data(data) if "test" in each.splits)


def cell(
    request: Request, setup: Setup, name: str, *, tasks: int | None = None, **changed: Any
) -> Configuration:
    """One test cell, of this setup's own way, shot, data and style unless `changed`."""
    usual = {
        "configuration": name, "data": request.data, **shots_of(request, setup),
        "tasks": tasks or request.size.tasks[setup.varied], "batchings": ["all"],
        "style": request.style,
    }  # fmt: skip
    return usual | changed


def runs(
    request: Request,
    setup: Setup,
    schemes: Iterable[str],
    seeds: Iterable[int],
    *,
    alpha: str | None = None,
    per_channel: bool | None = None,
    test: list[Configuration] | None = None,
) -> list[Configuration]:
    """A configuration for each scheme and seed of a setup."""
    test = cells(request, setup) if test is None else test
    budget = _budget(request, setup)
    return [
        {
            "learner": setup.learner, "scheme": scheme, "alpha": alpha,
            "per_channel": per_channel, "seed": seed, "data": request.data,
            "device": request.device, **budget, "test": test,
        }
        for seed in seeds
        for scheme in schemes
        if scheme != "baseline" or setup.learner == "cnaps"
    ]  # fmt: skip


def pixels(request: Request, setup: Setup) -> Configuration:
    """The baseline that learns nothing: the nearest class mean of raw pixels, on the same cells."""
    test = [c for c in cells(request, setup) if not c["configuration"].endswith(IN_PARTS)]
    return {
        "learner": "pixels", "scheme": "none", "alpha": None, "per_channel": None, "seed": 0,
        "data": request.data, "device": "cpu", "train": shots_of(request, setup), "test": test,
    }  # fmt: skip


def once(configurations: Iterable[Configuration]) -> list[Configuration]:
    """The configurations in their order, each once."""
    kept: list[Configuration] = []
    for each in configurations:
        if each not in kept:
            kept.append(each)
    return kept


def shots_of(request: Request, setup: Setup, targets: int = TARGETS) -> Configuration:
    """How tasks of a setup are drawn, as a configuration says it."""
    if setup.varied:
        return {"variable": dict(request.size.limits) or True}
    return {"way": setup.way, "shot": setup.shot, "targets": targets}


def _budget(request: Request, setup: Setup) -> Configuration:
    """How long, at what rates and on which network a learner is trained."""
    from tnverify.analyses.training import QUICK, SMOKE, STANDARD, part_of

    sizes = {"smoke": SMOKE, "quick": QUICK, "standard": STANDARD}
    budget = part_of(sizes[request.size.name], setup.learner).entries
    train = budget["train"]
    targets = train.get("targets", TARGETS)
    kept = {n: v for n, v in train.items() if n not in ("way", "shot", "targets", "variable")}
    share = request.size.share[setup.varied]
    for part, name in ((kept, "iterations"), (budget["validate"], "every")):
        part[name] = max(1, round(share * part[name]))
    kept["style"] = request.style
    return budget | {"train": kept | shots_of(request, setup, targets)}
