"""The benchmark of layers measures what it says, and the gates that no noise moves."""

from __future__ import annotations

import math

import pytest
import torch

from tnverify.bench.layers import Row, geometric_means, measure
from tnverify.bench.subjects import Shape
from tnverify.bench.timing import bytes_kept, counted

SMALL = Shape("small", (4, 8, 6, 6))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return measure(["tasknorm_i", "meta_bn_plain"], [SMALL], budget=0.01)


def test_every_ratio_is_there_once_and_positive(rows: list[Row]) -> None:
    keys = [(r.subject, r.quantity, r.against) for r in rows]
    assert len(keys) == len(set(keys))
    assert all(row.value > 0 and math.isfinite(row.value) for row in rows)
    for against in ("batch_norm", "published", "group_norm", "bound"):
        assert ("tasknorm_i", "forward_backward", against) in keys
    assert ("tasknorm_i", "second_order", "published") in keys
    assert {(r.group, r.shape, r.device, r.dtype) for r in rows} == {
        ("small", "4x8x6x6", "cpu", "float32")
    }


def test_means_are_geometric() -> None:
    def row(value: float) -> Row:
        return Row("kept", "s", "activation", "large", "1", "cpu", "float32", value)

    (mean,) = geometric_means([row(1.0), row(4.0)]).values()
    assert mean == pytest.approx(2.0)


def test_what_autograd_keeps_is_counted_once_a_storage() -> None:
    x = torch.randn(100, requires_grad=True)
    assert bytes_kept(lambda t: t * t, x) == 400
    assert bytes_kept(lambda t: t.exp() * 2, x) == 400
    assert bytes_kept(lambda t: t + 1, x) == 0


def test_the_peak_counts_what_is_alive_at_once() -> None:
    x = torch.randn(250_000)

    def one_after_the_other() -> None:
        for _ in range(3):
            x + 1

    def at_once() -> None:
        kept = [x + 1 for _ in range(3)]
        del kept

    device = torch.device("cpu")
    assert counted(one_after_the_other, device).peak == pytest.approx(1e6, rel=0.01)
    assert counted(at_once, device).peak == pytest.approx(3e6, rel=0.01)
    once = counted(lambda: x + 1, device).operations  # type: ignore[arg-type, return-value]  # dropped
    assert counted(at_once, device).operations == 3 * once > 0
