"""The oracle at the edges: no targets, one value, poison, shapes, and questions it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tnverify.contract import SCHEMES
from tnverify.oracle import Moments, OracleError, answer

NAMED = [name for name in SCHEMES if name != "inductive"]
BY_POSITION = ("per_pixel_layer_norm", "rms_norm")
"""Schemes with moments of their own for each position."""


def asked(scheme: str, context: np.ndarray, targets: np.ndarray, **options: Any) -> Any:
    """The answer, with whatever the scheme needs."""
    channels = context.shape[1]
    given = {"alpha": 0.5, "running": Moments(np.zeros(channels), np.ones(channels)), "groups": 1}
    return answer(scheme, context, targets, **{**given, **options})


@pytest.mark.parametrize("scheme", NAMED)
@pytest.mark.parametrize("spatial", [(), (3,), (1, 1), (2, 3), (2, 1, 3)])
def test_every_scheme_answers_in_every_rank(scheme: str, spatial: tuple[int, ...]) -> None:
    context = np.random.default_rng(0).normal(size=(3, 2, *spatial))
    targets = np.random.default_rng(1).normal(size=(4, 2, *spatial))
    got = asked(scheme, context, targets, weight=[2.0, -1.0], bias=[0.5, 0.0])
    ones = (1,) * len(spatial)
    for part, x in ((got.context, context), (got.targets, targets)):
        assert part.outputs.shape == part.normalized.shape == part.dy_dalpha.shape == x.shape
        small = (*x.shape[:2], *ones)
        moments = x.shape if scheme in BY_POSITION else small
        assert part.mean.shape == part.var.shape == part.kappa.shape == moments
        assert part.alpha.shape == small
        assert np.isfinite(part.outputs).all()
        weight, bias = np.array([2.0, -1.0]), np.array([0.5, 0.0])
        wide = (1, 2, *ones)
        assert (part.outputs == part.normalized * weight.reshape(wide) + bias.reshape(wide)).all()
        # The largest absolute value of an item is among what kappa is taken over.
        own = np.abs(x).reshape(*x.shape[:2], -1).max(axis=2).reshape(small)
        assert (part.kappa * np.sqrt(part.var + 1e-5) >= own * (1 - 1e-15)).all()


@pytest.mark.parametrize("scheme", NAMED)
def test_no_targets_give_no_outputs(scheme: str) -> None:
    context = np.random.default_rng(2).normal(size=(3, 2, 2, 2))
    got = asked(scheme, context, context[:0])
    assert got.targets.outputs.shape == (0, 2, 2, 2)
    assert got.targets.mean.shape == ((0, 2, 2, 2) if scheme in BY_POSITION else (0, 2, 1, 1))
    assert (got.context.outputs == asked(scheme, context, context).context.outputs).all()


def test_an_instance_without_space_is_one_value() -> None:
    x = np.array([[3.0, 5.0]])
    got = asked("instance_norm", x, x).context
    assert got.mean.tolist() == [[3.0, 5.0]]
    assert got.outputs.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("scheme", ["instance_norm", "tasknorm_i"])
def test_unbiased_variance_of_one_value_is_nan(scheme: str) -> None:
    x = np.random.default_rng(3).normal(size=(3, 2, 1, 1))
    assert np.isnan(asked(scheme, x, x, variance="unbiased").targets.outputs).all()
    assert np.isfinite(asked(scheme, x, x).targets.outputs).all()


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e308])
@pytest.mark.parametrize("scheme", ["instance_norm", "meta_bn", "reptile_norm", "tasknorm_l"])
def test_poison_stays_where_the_scheme_says(scheme: str, poison: float) -> None:
    """The second target reads no other target, so it answers as if the first were sound."""
    rng = np.random.default_rng(4)
    context, targets = rng.normal(size=(3, 2, 2, 2)), rng.normal(size=(2, 2, 2, 2))
    sound = asked(scheme, context, targets).targets.outputs
    targets[0, :, 0, :] = poison, -poison
    got = asked(scheme, context, targets).targets.outputs
    assert (got[1] == sound[1]).all()
    assert (got[0] != sound[0]).any()


def test_poisoned_context_poisons_what_reads_it() -> None:
    context = np.random.default_rng(5).normal(size=(3, 2, 2, 2))
    targets = context.copy()
    context[0, 0, 0, 0] = np.nan
    got = asked("meta_bn", context, targets).targets.outputs
    assert np.isnan(got[:, 0]).all()
    assert np.isfinite(got[:, 1]).all()


def test_the_input_is_left_alone() -> None:
    context = np.random.default_rng(6).normal(size=(3, 2, 2, 2))
    kept = context.copy()
    for scheme in NAMED:
        asked(scheme, context, context, weight=[2.0, 2.0])
    assert (context == kept).all()


@pytest.mark.parametrize("scheme", NAMED)
@pytest.mark.parametrize("spatial", [(), (2, 2)])
def test_an_answer_keeps_nothing_of_the_input(scheme: str, spatial: tuple[int, ...]) -> None:
    """A subject that edits its input in place must not edit what it is compared with."""
    context = np.random.default_rng(7).normal(size=(3, 2, *spatial))
    given = context.copy()
    got = asked(scheme, given, given)
    given[:] = 77.0
    again = asked(scheme, context, context)
    for ours, theirs in ((got.context, again.context), (got.targets, again.targets)):
        for name in ("outputs", "normalized", "mean", "var", "kappa", "dy_dalpha", "alpha"):
            assert (getattr(ours, name) == getattr(theirs, name)).all(), name


X = np.ones((2, 3, 2, 2))
REFUSED = [
    (("tasknorm", X, X), {}, "no formula for scheme 'tasknorm'"),
    (("inductive", X, X), {}, "no formula for scheme 'inductive'"),
    (("tasknorm_i", X, X), {}, "pass alpha"),
    (("tasknorm_l", X, X), {"alpha": [0.5, 0.5]}, "alpha has 2 values"),
    (("tasknorm_r", X, X), {"alpha": 0.5}, "pass running"),
    (("conventional_bn", X, X), {}, "pass running"),
    (("batch_renorm", X, X), {"running": Moments([1.0, 1.0], [1.0])}, "running mean has 2 values"),
    (("group_norm", X, X), {}, "needs groups"),
    (("group_norm", X, X), {"groups": 2}, "3 channels do not fall into 2"),
    (("meta_bn", X, X[:, :2]), {}, "context has 3 channels and targets 2"),
    (("meta_bn", X[0, 0, 0], X), {}, "context has shape (2,)"),
    (("meta_bn", X, X), {"weight": [1.0, 2.0]}, "weight has 2 values"),
    (("meta_bn", X[:0], X), {}, "the set must not be empty"),
]


@pytest.mark.parametrize(("positional", "options", "line"), REFUSED)
def test_what_cannot_be_answered_is_refused_in_one_line(
    positional: Any, options: dict[str, Any], line: str
) -> None:
    with pytest.raises(OracleError) as refusal:
        answer(*positional, **options)
    assert line in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_oracle_does_not_import_torch() -> None:
    """Its sources name neither torch nor the reference layers (the contract may import torch)."""
    from importlib import resources

    for source in resources.files("tnverify.oracle").iterdir():
        if source.name.endswith(".py"):
            lines = source.read_text(encoding="utf-8").splitlines()
            imports = [line for line in lines if line.lstrip().startswith(("import ", "from "))]
            assert imports or source.name == "py.typed", source.name
            assert not any("torch" in line or "norms" in line for line in imports), source.name
