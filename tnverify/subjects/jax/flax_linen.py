"""Layers of flax.linen: their variables are made from a first input, collections are mutable."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax

from tnverify.subjects.jax.pure import (
    Pure,
    Settings,
    answers,
    first_options,
    hashable,
    options_of,
    plain_values,
    sample,
    signature_of,
)


def pure(layer: Any, channels: int, spatial: tuple[int, ...]) -> Pure:
    """The layer as a pure function, initialised on maps of the given size."""
    options = options_of(type(layer).__call__, is_bound=False)
    shown = plain_values(layer)
    last = shown.get("axis", -1) != 1
    shape = (2, *spatial, channels) if last else (2, channels, *spatial)
    x = sample(shape)
    keys = {name: jax.random.PRNGKey(0) for name in ("params", "dropout")}
    must = not answers(partial(layer.init, keys, x))
    given = first_options(options) if must else {}
    variables = dict(layer.init(keys, x, **given))
    parameters = variables.pop("params", {})

    def call(
        parameters: Any, state: Any, x: Any, settings: Settings, options: Settings,
        _training: bool | None,
    ) -> tuple[Any, Any]:  # fmt: skip
        set_up = layer.clone(**dict(settings)) if settings else layer
        outputs, changed = set_up.apply(
            {"params": parameters, **state},
            x,
            **dict(options),
            mutable=list(state),
            rngs={"dropout": jax.random.PRNGKey(0)},
        )
        return outputs, {**state, **changed}

    return Pure(
        hashable(layer),
        parameters,
        variables,
        call,
        signature_of(options, must=must),
        shown,
        channels_last=last,
    )
