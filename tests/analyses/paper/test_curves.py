"""The digitised curves."""

from __future__ import annotations

import numpy as np
import pytest

from tnverify.analyses.paper import learned_alpha, training_loss
from tnverify.analyses.statistics import reached_at


@pytest.mark.parametrize(
    ("layer", "scale", "offset"),
    [(1, 0.089, 0.39), (2, 0.098, 0.66), (3, 0.137, 0.59), (4, 0.068, 0.51)],
)
def test_learned_alpha_is_a_sigmoid_of_the_contexts_size(
    layer: int, scale: float, offset: float
) -> None:
    frame = learned_alpha()
    curve = frame[frame["layer"] == layer]
    logits = np.log(curve["alpha"] / (1 - curve["alpha"]))
    # Near 1 the logit magnifies what was read off; up to 30 items it does not.
    small = curve["context_size"] <= 30
    slope, start = np.polyfit(curve["context_size"][small], logits[small], 1)
    assert slope == pytest.approx(scale, abs=0.005)
    assert start == pytest.approx(offset, abs=0.05)


def test_alpha_has_four_layers_at_nine_sizes() -> None:
    frame = learned_alpha()
    assert frame.groupby("layer")["context_size"].nunique().to_dict() == dict.fromkeys(
        range(1, 5), 9
    )


def test_schemes_that_share_a_training_share_its_loss() -> None:
    frame = training_loss()
    shared = [
        frame[frame["printed_as"] == "TBN=CBN=RN"].pivot(
            index="iteration", columns="scheme", values="loss"
        )
    ]
    assert set(shared[0].columns) == {"transductive_bn", "conventional_bn", "reptile_norm"}
    assert (shared[0].nunique(axis=1) == 1).all()
    assert frame["scheme"].nunique() == 9
    assert frame.groupby("scheme").size().eq(8).all()


def test_tasknorm_i_is_at_10000_iterations_where_others_need_twice_as_many_or_more() -> None:
    curves = dict(iter(training_loss().groupby("scheme")))
    at = {
        scheme: reached_at(curve["iteration"], curve["loss"], 8.5, falling=True)
        for scheme, curve in curves.items()
    }
    assert at["tasknorm_i"] == 10_000
    assert {scheme for scheme, position in at.items() if 17_000 <= position <= 21_000} == {
        "transductive_bn", "conventional_bn", "reptile_norm", "tasknorm_l", "meta_bn",
    }  # fmt: skip
    assert at["baseline"] == pytest.approx(45_000, abs=1_000)
