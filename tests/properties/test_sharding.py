"""Laws about contexts in parts, beyond what test_families asks of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import trials
from replaying import replay

from tnverify.faults import sharding as planted
from tnverify.faults.fault import faults_of
from tnverify.faults.plain import PlainNorm, State
from tnverify.norms import BY_SCHEME
from tnverify.properties import sharding

if TYPE_CHECKING:
    from torch import Tensor


FAULTS = [f for f in faults_of("context") if f.factory.__module__ == planted.__name__]


class Merging(PlainNorm):
    """Offers `merge_states` and no `condition_shards`, as processes that exchange states."""

    def merge_states(self, states: list[State]) -> State:
        return planted.ShardedNorm.merge_states(self, states)

    merged_mean = planted.ShardedNorm.merged_mean
    merged_var = planted.ShardedNorm.merged_var
    merged_size = planted.ShardedNorm.merged_size


SOUND = {
    "ShardedNorm": (planted.ShardedNorm, "meta_bn"),
    "ShardedTaskNorm": (planted.ShardedTaskNorm, "tasknorm_i"),
    "Merging": (Merging, "meta_bn"),
    **{
        f"norms: {scheme}": (BY_SCHEME[scheme], scheme)
        for scheme in ("transductive_bn", "reptile_norm", "meta_bn", "tasknorm_i", "tasknorm_l")
    },
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_layers_keep_the_laws(name: str) -> None:
    for record in replay(trials.subject_of(*SOUND[name]), sharding.LAWS, tasks=24):
        assert record.failure is None, f"{record.law.name}: {record.failure}"
        claimed = name != "norms: transductive_bn" or record.law.kind == "rounded"
        assert bool(record.counted) == claimed, record.law.name


def test_every_law_has_a_planted_fault() -> None:
    assert {law.name for law in sharding.LAWS} == {name for f in FAULTS for name in f.kills}


def test_what_offers_neither_way_is_not_claimed() -> None:
    for record in replay(trials.subject_of(PlainNorm, "meta_bn"), sharding.LAWS, tasks=4):
        assert "neither condition_shards(shards) nor merge_states(states)" in str(
            record.not_claimed
        )


class Raises(PlainNorm):
    def merge_states(self, states: list[State]) -> State:
        raise ValueError("these states do not fit")


class AnswersOne(planted.ShardedNorm):
    def condition_shards(self, shards: list[Tensor]) -> tuple[list[Tensor], State]:
        outputs, state = super().condition_shards(shards)
        return [torch.cat(outputs)], state


@pytest.mark.parametrize(
    ("layer", "ending", "words"),
    [(Raises, "broken", "do not fit"), (AnswersOne, "violated", "outputs of shapes")],
)
def test_what_it_does_instead_is_said(layer: type, ending: str, words: str) -> None:
    record = replay(trials.subject_of(layer, "meta_bn"), sharding.LAWS[:1], tasks=24)[0]
    assert record.failure is not None
    assert words in str(record.failure)
    assert ending in str(record.failure)
