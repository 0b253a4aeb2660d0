"""A configuration that is wrong is told in one line, and nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from configurations import cell, small, trained

from tnverify.analyses.learners import BASELINE, SCHEMES
from tnverify.analyses.tasks import ContextLimits, FixedShots, Style, VariableShots
from tnverify.analyses.training import read_settings

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = {"way": None, "shot": None, "targets": None, "variable": True}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no learner": ({"learner": None}, "configuration.learner is None: it is one of protonets"),
    "learner": ({"learner": "proto"}, "configuration.learner is 'proto'"),
    "scheme": ({"scheme": "tasknorm"}, "configuration.scheme is 'tasknorm': it is one of none"),
    "baseline": ({"scheme": BASELINE}, "configuration.scheme is 'baseline'"),
    "alpha": ({"alpha": "fixed"}, "configuration.alpha is 'fixed'"),
    "alpha of none": ({"scheme": "none", "alpha": "free"}, "none has no alpha"),
    "channel": ({"scheme": "meta_bn", "per_channel": True}, "meta_bn has no alpha"),
    "per channel": ({"per_channel": 1}, "configuration.per_channel is 1"),
    "seed": ({"seed": "0"}, "configuration.seed is '0': it is an integer, 0 or more"),
    "true seed": ({"seed": True}, "configuration.seed is True"),
    "device": ({"device": "tpu9"}, "configuration.device is 'tpu9': it is cpu, cuda or cuda:N"),
    "other device": ({"device": "meta"}, "configuration.device is 'meta'"),
    "no such GPU": ({"device": "cuda:99"}, "configuration.device is 'cuda:99': torch sees"),
    "network": ({"network": {"kind": "vgg"}}, "configuration.network.kind is 'vgg'"),
    "width": ({"network": {"width": 0}}, "configuration.network.width is 0"),
    "no object": ({"network": "conv4"}, "configuration.network is 'conv4': it is an object"),
    "way": ({"train": {"way": "five"}}, "configuration.train.way is 'five'"),
    "no shot": ({"train": {"shot": None}}, "configuration.train.shot is None"),
    "rate": ({"train": {"rate": 0}}, "configuration.train.rate is 0: it is a number above 0"),
    "infinite": ({"train": {"rate": float("inf")}}, "configuration.train.rate is inf"),
    "clip": ({"train": {"clip": -1}}, "configuration.train.clip is -1"),
    "order": ({"train": {"order": 3}}, "configuration.train.order is 3: it is one of 1, 2"),
    "style": ({"train": {"style": "tasks"}}, "configuration.train.style is 'tasks'"),
    "typing": ({"train": {"iteration": 4}}, "unknown entry 'iteration': did you mean iterations?"),
    "unknown": ({"zzz": 1}, "configuration has an unknown entry 'zzz': known: learner"),
    "both": ({"train": {"variable": True}}, "configuration.train.way is 3: it is no entry"),
    "more ways": (
        {"train": VARIABLE | {"variable": {"most_ways": 4}}},
        "ways from 5 to 4",
    ),
    "maml varies": ({"learner": "maml", "train": VARIABLE}, "MAML's head has a fixed way"),
    "best of none": ({"validate": {"every": 0, "select": "best"}}, "validate.every is missing"),
    "launch": (
        {"scheme": "conventional_bn", "train": {"launch": "stack"}},
        "conventional_bn on tasks of FixedShots can only be looped over",
    ),
    "cells": ({"test": "all"}, "configuration.test is 'all': it is a list of objects"),
    "cell": ({"test": [cell(tasks=0)]}, "configuration.test[0].tasks is 0"),
    "nameless": ({"test": [cell(configuration=None)]}, "configuration.test[0].configuration is No"),
    "twice": ({"test": [cell(), cell()]}, "2 cells named '3-way 2-shot'"),
    "batching": ({"test": [cell(batchings=["each"])]}, "it is a list of all, class, item"),
    "repeats": ({"test": [cell(batchings=["all", "all"])]}, "a list without repeats"),
    "imbalance": ({"test": [cell(imbalance=0.5)]}, "test[0].imbalance is 0.5: it is a ratio"),
    "corruption": ({"test": [cell(corruption={"share": 2})]}, "between 0 and 1, not 2"),
    "head": ({"learner": "maml", "test": [cell(way=4)]}, "is of 4 ways, and MAML's head is of 3"),
    "data set": ({"test": [cell(dataset="letters")]}, "name one in its entry `dataset`"),
}


@pytest.mark.parametrize("case", WRONG)
def test_one_line_says_what_is_wrong(case: str, drawn: str, tmp_path: Path) -> None:
    changes, expected = WRONG[case]
    with pytest.raises(ValueError) as told:  # noqa: PT011 - the message is compared below
        trained(small(drawn, **changes), tmp_path)
    assert expected in str(told.value)
    assert "\n" not in str(told.value)


def test_null_is_as_good_as_missing(drawn: str) -> None:
    configuration = small(drawn)
    nulls = configuration | {"alpha": None, "per_channel": None, "pretrain": None}
    del configuration["pretrain"]
    assert read_settings(nulls) == read_settings(configuration)


def test_alpha_is_a_function_of_the_context_size_where_that_varies(drawn: str) -> None:
    assert read_settings(small(drawn)).alpha == "free"
    assert read_settings(small(drawn, train=VARIABLE)).alpha == "functional"
    assert read_settings(small(drawn, alpha="functional")).alpha == "functional"


def test_shots_and_styles_are_those_of_tasks(drawn: str) -> None:
    cells = [
        cell("a", style="task", imbalance=4.0),
        cell("b", style={"shared": "set", "strength": 0.5}),
        cell("c", **VARIABLE),
        cell("d", **VARIABLE | {"variable": {"most_ways": 6, "context": 30}}),
    ]
    a, b, c, d = read_settings(small(drawn, test=cells)).test
    assert a.shots == FixedShots(3, 2, 4, imbalance=4.0)
    assert (a.style, c.style) == (Style(shared="task"), None)
    assert b.style == Style(shared="set").scaled(0.5)
    assert c.shots == VariableShots()
    assert d.shots == VariableShots(most_ways=6, limits=ContextLimits(context=30))


@pytest.mark.parametrize("scheme", [*SCHEMES, BASELINE])
def test_cnaps_has_every_scheme_and_the_baseline(scheme: str, drawn: str) -> None:
    assert read_settings(small(drawn, learner="cnaps", scheme=scheme)).scheme == scheme
