"""Corpora: the same everywhere, distinct, covering what laws need."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis.errors import InvalidArgument

from tnverify.plans import PROFILES, Plan, corpus, strategies
from tnverify.plans.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEEDS = [0, 1, 2]


def alpha(plan: Plan) -> float:
    return 1 / (1 + math.exp(-(plan.scale * plan.context + plan.alpha_offset)))


def has_room(plan: Plan) -> bool:
    """Two or more items in both sets, two channels, and two by two maps."""
    return min(plan.context, plan.targets, plan.channels, *plan.spatial) >= 2


def is_large(plan: Plan) -> bool:
    return plan.context >= 12 or max(plan.spatial) >= 10


@pytest.mark.parametrize("at", SEEDS)
def test_a_corpus_is_distinct_repeatable_and_grows_at_its_end(at: int) -> None:
    found = corpus(at, 64)
    assert len(set(found)) == 64
    assert corpus(at, 64) == found
    assert corpus(at, 20) == found[:20]
    assert not set(corpus(at + 10, 64)) & set(found)


def test_a_plan_that_is_drawn_again_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether as the same kind of plan or as another."""
    really_drawn = strategies._drawn

    def drawn_twice(octets: Any, at_seed: str) -> list[list[Plan]]:
        found = really_drawn(octets, at_seed)
        as_another_kind = [[*octet[:3], octet[0], *octet[4:]] for octet in found]
        return [*found, *found, *as_another_kind]

    monkeypatch.setattr(strategies, "_drawn", drawn_twice)
    found = corpus(0, 64)
    assert len(set(found)) == 64


def test_an_empty_corpus_is_empty() -> None:
    assert corpus(0, 0) == []


@pytest.mark.parametrize("at", SEEDS)
def test_every_eighth_plan_is_large_and_the_fourth_has_an_edge(at: int) -> None:
    found = corpus(at, 64)
    assert [position for position in range(64) if is_large(found[position])] == [*range(7, 64, 8)]
    roomless = [position for position in range(64) if not has_room(found[position])]
    assert roomless
    assert set(roomless) <= set(range(3, 64, 8))
    assert sum(has_room(plan) for plan in found) >= 48


@pytest.mark.parametrize("at", SEEDS)
def test_sixty_four_plans_cover_what_laws_need(at: int) -> None:
    found = corpus(at, 64, allow_past=True)
    alphas = [alpha(plan) for plan in found]
    assert min(alphas) < 0.01
    assert max(alphas) > 0.99
    assert sum(0.01 < a < 0.99 for a in alphas) >= 48
    weights = {weight for plan in found for weight in plan.weight}
    assert 0.0 in weights
    assert min(weights) < 0 < 2 < max(weights)
    assert all(any(plan.weight) for plan in found)
    assert {plan.profile for plan in found} == set(PROFILES)
    exponents = [plan.exponent for plan in found]
    assert (min(exponents) < 0 < max(exponents), exponents.count(0) > 32) == (True, True)
    offsets = [abs(plan.offset) for plan in found]
    assert (max(offsets), offsets.count(0) > 16) == (1e4, True)
    assert sum(plan.past >= 1 for plan in found) >= 44
    counts = {len(plan.overrides) for plan in found}
    assert (0 in counts, max(counts) <= 3, len(counts) > 1) == (True, True, True)
    edges = found[3::8]
    assert any(plan.context == 1 for plan in edges)
    assert any(plan.targets <= 1 for plan in edges)
    assert any(plan.channels == 1 for plan in edges)
    assert any(max(plan.spatial) == 1 for plan in edges)


def test_options_are_those_of_plans() -> None:
    found = corpus(3, 24, rank=3, step=4, min_targets=1, max_side=3)
    for plan in found:
        assert (len(plan.spatial), plan.channels % 4, plan.past) == (3, 0, 0)
        assert plan.targets >= 1
        assert max(plan.spatial) <= 3
    with pytest.raises(InvalidArgument, match="min_context=0: it must be at least 1"):
        corpus(3, 1, min_context=0)


EDGES: list[Callable[[Plan], bool]] = [
    lambda plan: True,
    lambda plan: max(plan.spatial) == 1,
    lambda plan: plan.context == 1,
    lambda plan: plan.targets <= 1,
    lambda plan: plan.channels == 1,
]
LARGE: list[Callable[[Plan], bool]] = [
    lambda plan: plan.context >= 12 and max(plan.spatial) <= 6,
    lambda plan: plan.context <= 8 and max(plan.spatial) >= 10,
    lambda plan: plan.context >= 12 and min(plan.spatial) >= 10,
]


@pytest.mark.parametrize("at", range(5))
def test_edges_and_large_sizes_take_turns_and_every_seed_begins_with_others(at: int) -> None:
    found = corpus(at, 48)
    for octet in range(6):
        edge, large = found[8 * octet + 3], found[8 * octet + 7]
        assert EDGES[(at + octet + 1) % 5](edge), edge
        assert LARGE[(at + octet + 1) % 3](large), large


def test_an_option_that_is_left_out_limits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And every option has its own effect, in corpora as in single plans."""
    asked = []
    really_octets = strategies._octets

    def octets(options: Options, turn: int) -> Any:
        asked.append(options)
        return really_octets(options, turn)

    monkeypatch.setattr(strategies, "_octets", octets)
    monkeypatch.setattr(strategies, "_any_plan", asked.append)
    corpus(0, 1)
    strategies.plans()
    free = Options((1, None), (0, None), (1, None), (1, None), rank=2, step=1, allow_past=False)
    assert asked == [free, free]
    asked.clear()
    limits = {
        f"{end}_{name}": 2 * number + (end == "max")
        for number, name in enumerate(("context", "targets", "channels", "side"), 1)
        for end in ("min", "max")
    }
    corpus(0, 1, **limits, rank=1, step=3, allow_past=True)
    strategies.plans(**limits, rank=1, step=3, allow_past=True)
    limited = Options((2, 3), (4, 5), (6, 7), (8, 9), rank=1, step=3, allow_past=True)
    assert asked == [limited, limited]


ELSEWHERE = """
import json
from hypothesis import Phase, Verbosity, settings
settings.register_profile("default", derandomize=True, max_examples=1, phases=[Phase.explicit],
                          verbosity=Verbosity.debug)
settings.load_profile("default")
import local_layer
from tnverify.plans import corpus
print(json.dumps([plan.as_json() for plan in corpus(5, 48)]))
"""


def test_nothing_outside_changes_a_corpus(tmp_path: Path) -> None:
    """Another process, CI set, a profile that would draw nothing, and a local module of whose
    constants Hypothesis is fond: the corpus is the one drawn here."""
    numbers = ", ".join(str(number) for number in range(2, 1000))
    (tmp_path / "local_layer.py").write_text(f"CONSTANTS = [{numbers}]\n", encoding="utf-8")
    there = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "CI": "1", "PYTHONHASHSEED": "7", "PYTHONSAFEPATH": ""},
    )
    plans = [Plan.from_json(plan) for plan in json.loads(there.stdout)]
    assert plans == corpus(5, 48)
