"""Records of the form that training leaves, made up: nothing is trained, and numbers look alike.

`made_up(configuration)` gives what `train_one` would: schemes differ by a few points, the
transductive one collapses where targets come in parts, curves rise, alphas grow. Equal task
numbers are equally hard for every scheme and seed, as on identical tasks.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tnverify.analyses.records import RecordStore
from tnverify.analyses.sweep import Trained

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SKILL = {
    "tasknorm_i": 6.0, "tasknorm_l": 5.0, "tasknorm_r": 3.0, "meta_bn": 5.0, "reptile_norm": 4.5,
    "transductive_bn": 7.0, "conventional_bn": -6.0, "batch_renorm": -5.0, "instance_norm": 0.0,
    "layer_norm": -1.0, "group_norm": 0.0, "none": -8.0, "baseline": 1.0,
}  # fmt: skip
"""Points above the average scheme."""

SIZES = (1, 2, 5, 10, 25, 50, 100)


def made_up(configuration: dict[str, Any]) -> Trained:
    """What a run of this configuration might have found; the same every time."""
    scheme, seed = configuration["scheme"], configuration["seed"]
    rng = _generator(configuration["learner"], scheme, seed, configuration["alpha"])
    skill = SKILL[scheme] + rng.normal(0, 1.0)
    skill += -25.0 if configuration["learner"] == "pixels" else 0.0
    columns: dict[str, list[Any]] = {
        name: [] for name in ("configuration", "target_batching", "task", "accuracy", "way", "shot")
    }
    for cell in configuration["test"]:
        hard = _generator(cell["configuration"]).normal(0, 7.0, size=cell["tasks"])
        way, own = cell.get("way", 12), rng.normal(0, 2.0, size=cell["tasks"])
        for batching in cell["batchings"]:
            whole = 70.0 + skill + hard + own - 10.0 * (cell.get("style") == "none")
            fallen = scheme == "transductive_bn" and batching != "all"
            values = 100 / way + 3.0 + 0.1 * hard if fallen else whole
            found = np.clip(np.round(values, 1), 0, 100)
            shot = float(cell.get("shot", 7))
            rows = (cell["configuration"], batching, range(cell["tasks"]), found, way, shot)
            for name, value in zip(columns, rows, strict=True):
                several = isinstance(value, range | np.ndarray)
                columns[name] += list(value) if several else [value] * cell["tasks"]
    arrays: dict[str, Any] = {f"tasks/{n}": np.array(v) for n, v in columns.items()}
    if configuration["learner"] == "pixels":
        return Trained({"seconds": 0.0, "seconds_per_iteration": None}, arrays)
    iterations = np.arange(0, 1001, 100)
    rise = 1 - np.exp(-iterations / (250 - 10 * skill))
    arrays |= {
        "validation/iteration": iterations,
        "validation/seconds": iterations * 0.02,
        "validation/accuracy": 20 + rise * (48 + skill) + rng.normal(0, 1.0, size=len(iterations)),
        "training/iteration": iterations,
        "training/loss": 3.0 - 2.0 * rise,
    }
    if scheme in ("tasknorm_i", "tasknorm_l"):
        layers = [f"layers.{i}" for i in (1, 5, 9, 13)]
        arrays |= {
            "learned/layer": np.repeat(layers, len(SIZES)),
            "learned/context_size": np.tile(SIZES, len(layers)),
            "learned/alpha": np.concatenate(
                [1 / (1 + np.exp(-0.5 - (0.06 + 0.02 * i) * np.array(SIZES))) for i in range(4)]
            ),
        }
    return Trained(
        {"seconds": 20.0, "seconds_per_iteration": 0.02, "parameters": 100, "final_loss": 1.0},
        arrays,
    )


def write(configurations: Iterable[dict[str, Any]], folder: Path, code: str = "made-up") -> None:
    """A record in `folder` for each configuration of a learner."""
    store = RecordStore(folder, code)
    for configuration in configurations:
        trained = made_up(configuration)
        store.write(configuration, trained.results, trained.arrays, seconds=30.0)


def _generator(*what: object) -> np.random.Generator:
    digest = hashlib.sha256(repr(what).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
