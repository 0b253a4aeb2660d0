"""Layers of equinox: written for one item, mapped over items along a named axis, their state
handed in and out."""

from __future__ import annotations

import copy
import inspect
import warnings
from typing import Any

import equinox as eqx
import jax

from tnverify.subjects.jax.pure import (
    Pure,
    Settings,
    hashable,
    options_of,
    plain_values,
    signature_of,
)


def pure(layer: Any, _channels: int, _spatial: tuple[int, ...]) -> Pure:
    """The layer as a pure function of items, channels first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = eqx.nn.State(layer)
    layer = eqx.nn.delete_init_state(layer)
    parameters, static = eqx.partition(layer, eqx.is_inexact_array)
    parts = [p for p in jax.tree.leaves(layer, is_leaf=_is_norm) if _is_norm(p)]
    wants = inspect.signature(type(layer).__call__).parameters
    held, form = jax.tree.flatten(state)
    stateful = "state" in wants and bool(held)
    keyed = "key" in wants and wants["key"].default is inspect.Parameter.empty
    axes = [p.axis_name for p in parts if isinstance(getattr(p, "axis_name", None), str)]
    axis = axes[0] if axes else "batch"

    def call(
        parameters: Any, state: Any, x: Any, settings: Settings, options: Settings,
        training: bool | None,
    ) -> tuple[Any, Any]:  # fmt: skip
        whole = eqx.combine(parameters, static)
        if training is not None:
            whole = eqx.nn.inference_mode(whole, value=not training)
        if settings:
            whole = copy.copy(whole)
        for name, value in settings:
            object.__setattr__(whole, name, value)
        given = dict(options)
        if keyed:
            given["key"] = jax.random.PRNGKey(0)
        if not stateful:
            return jax.vmap(lambda one: whole(one, **given), axis_name=axis)(x), []
        mapped = jax.vmap(
            lambda one, held: whole(one, held, **given),
            in_axes=(0, None), out_axes=(0, None), axis_name=axis,
        )  # fmt: skip
        outputs, changed = mapped(x, jax.tree.unflatten(form, state))
        return outputs, jax.tree.leaves(changed)

    return Pure(
        hashable(form, *_flat(static)),
        parameters,
        held if stateful else [],
        call,
        signature_of(options_of(type(layer).__call__, is_bound=False), must=False),
        plain_values(layer),
        channels_last=False,
        training=not any(getattr(p, "inference", False) for p in parts),
        aliases=_moments(parts, jax.tree.unflatten(form, held)) if stateful else {},
    )


def _flat(static: Any) -> tuple[Any, ...]:
    leaves, form = jax.tree.flatten(static)
    return (form, *leaves)


def _is_norm(part: Any) -> bool:
    return isinstance(part, eqx.Module) and hasattr(part, "axis_name")


def _moments(parts: list[Any], state: Any) -> dict[int, str]:
    """The places of the running mean and variance among the state's leaves, where one batch norm
    keeps them as they are used."""
    if len(parts) != 1 or getattr(parts[0], "ema_state_index", None) is None:
        return {}
    mean, var = state.get(parts[0].ema_state_index)
    state = state.set(parts[0].ema_state_index, (mean + 1.25, var + 2.5))
    found = {}
    for place, leaf in enumerate(jax.tree.leaves(state)):
        for name, marked in (("running_mean", mean + 1.25), ("running_var", var + 2.5)):
            if leaf.shape == marked.shape and leaf.size and bool((leaf == marked).all()):
                found[place] = name
    return found
