"""Laws of the family `batch_size`, beyond what test_families asks of all."""

from __future__ import annotations

from itertools import chain

import trials
from torch import nn

from tnverify.contract import Draw
from tnverify.engine.evaluate import evaluate
from tnverify.plans import Plan
from tnverify.properties import batch_size
from tnverify.subjects import SubjectProber


def test_every_kind_of_partition_is_one_and_each_is_met() -> None:
    kinds = set()
    for seed in range(40):
        parts = batch_size._parts(Draw("law", seed), 7)
        assert sorted(chain.from_iterable(parts)) == list(range(7))
        assert len(parts) > 1
        kinds.add(tuple(len(part) for part in parts))
    assert {(1,) * 7, (1, 2, 4), (4, 3), (3, 2, 2)} == kinds


def test_a_layer_that_refuses_one_value_per_channel_violates_nothing() -> None:
    """torch's batch norm raises there, whatever the values: it is not claimed."""
    subject = trials.subject_of(
        lambda channels: nn.BatchNorm2d(channels, track_running_stats=False), "transductive_bn"
    )
    law = batch_size.one_pixel_maps_are_finite
    few = Plan(context=1, targets=2, channels=2, spatial=(2, 2)).build()
    assert evaluate(law, SubjectProber(subject), few).ending == "refused"
    enough = Plan(context=3, targets=2, channels=2, spatial=(2, 2)).build()
    assert evaluate(law, SubjectProber(subject), enough).ending == "held"


def test_values_whose_squares_overflow_say_nothing_about_finiteness() -> None:
    subject = trials.sound("PlainNorm")
    for law in (batch_size.one_pixel_maps_are_finite, batch_size.a_single_context_item_is_enough):
        huge = Plan(context=2, targets=2, channels=2, spatial=(2, 2), exponent=600).build()
        assert evaluate(law, SubjectProber(subject), huge).ending == "says_nothing"


def test_equal_counts_are_made_where_there_are_none() -> None:
    seen = []
    subject = trials.sound("PlainNorm")
    law = batch_size.equal_counts_of_items_and_channels_change_nothing

    class Watching(SubjectProber):
        def run(self, task):  # type: ignore[no-untyped-def]  # as SubjectProber's
            seen.append((len(task.context), len(task.targets), task.channels))
            return super().run(task)

    for context, targets in ((1, 0), (2, 5), (7, 1)):
        task = Plan(context=context, targets=targets, channels=3, spatial=(2, 2)).build()
        assert evaluate(law, Watching(subject), task).ending == "held"
    assert set(seen) == {(3, 3, 3)}
