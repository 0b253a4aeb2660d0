"""What a law draws: its own stream, the same for the same task."""

from __future__ import annotations

import pytest
import torch

from tnverify.catalogue import law
from tnverify.contract import Draw
from tnverify.plans import Plan


def test_choices_depend_on_the_law_and_the_salt_and_reach_every_option() -> None:
    def choices(name: str, salt: int) -> list[int]:
        draw = Draw(name, salt)
        return [draw.index(3) for _ in range(60)]

    assert choices("a", 1) == choices("a", 1)
    assert set(choices("a", 1)) == {0, 1, 2}
    assert choices("a", 1) != choices("b", 1)
    assert choices("a", 1) != choices("a", 2)


def test_no_two_choices_of_a_law_go_together() -> None:
    pairs = set()
    for salt in range(60):
        draw = Draw("law", salt)
        pairs.add((bool(draw.subset(3)[1]), draw.index(2)))
    assert len(pairs) == 4


@pytest.mark.parametrize("count", [2, 3, 8])
def test_an_order_is_one_and_never_the_order_that_was(count: int) -> None:
    for salt in range(30):
        order = Draw("law", salt).order(count)
        assert sorted(order) == list(range(count))
        assert order != list(range(count))


@pytest.mark.parametrize("count", [2, 5])
def test_a_subset_keeps_some_and_leaves_some(count: int) -> None:
    kept = [Draw("law", salt).subset(count) for salt in range(30)]
    assert all(bool(k.any()) and not bool(k.all()) for k in kept)
    assert len({tuple(k.tolist()) for k in kept}) > 1


def test_noise_reads_well_and_is_nobody_elses() -> None:
    like = torch.zeros(3, 2, 2, 2, dtype=torch.float64)
    drawn = Draw("law", 9).noise(like)
    assert drawn.shape == like.shape
    assert torch.equal(drawn * 8, (drawn * 8).round())
    assert float(drawn.abs().max()) <= 4
    again = Draw("law", 9).noise(like)
    assert torch.equal(again, drawn)
    again.zero_()
    assert torch.equal(Draw("law", 9).noise(like), drawn)
    draw = Draw("law", 9)
    assert not torch.equal(draw.noise(like), draw.noise(like))


def test_noise_for_a_set_larger_than_its_pool_is_drawn_for_it() -> None:
    large = torch.zeros(40, 2, 25, 25, dtype=torch.float64)
    drawn = Draw("law", 9).noise(large)
    assert drawn.shape == large.shape
    assert len(set(drawn.flatten().tolist())) > 60


def test_uniform_values_lie_inside_the_unit_interval() -> None:
    drawn = Draw("law", 9).uniform(torch.zeros(5, 4))
    assert 0 < float(drawn.min()) < float(drawn.max()) < 1
    assert drawn.dtype is torch.float32


def test_a_law_is_given_a_draw_of_its_own_where_it_wants_one() -> None:
    seen = []

    @law(family="mine", kind="exact", source="here")
    def draws(norm: object, task: object, draw: Draw) -> None:
        """Draws."""
        seen.append(draw.index(1 << 30))

    @law(family="mine", kind="exact", source="here")
    def draws_nothing(norm: object, task: object) -> None:
        """Draws nothing."""
        seen.append(-1)

    task = Plan(seed=4).build()
    for each in (draws, draws, draws_nothing):
        each.check(None, task)  # type: ignore[arg-type]  # neither looks at the norm
    assert seen == [Draw("draws", 4).index(1 << 30)] * 2 + [-1]
    assert draws.doc == "Draws."
