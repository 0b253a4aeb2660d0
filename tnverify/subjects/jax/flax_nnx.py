"""Layers of flax.nnx: split into a graph and its state, merged for every call."""

from __future__ import annotations

from typing import Any

from flax import nnx

from tnverify.subjects.jax.pure import (
    Pure,
    Settings,
    hashable,
    options_of,
    plain_values,
    signature_of,
)

_MODES = {"deterministic": False, "use_running_average": False}
"""Attributes that train() and eval() set, and their value after train()."""


def pure(layer: Any, _channels: int, _spatial: tuple[int, ...]) -> Pure:
    """The layer as a pure function."""
    graph, parameters, state = nnx.split(layer, nnx.Param, ...)

    def call(
        parameters: Any, state: Any, x: Any, settings: Settings, options: Settings,
        training: bool | None,
    ) -> tuple[Any, Any]:  # fmt: skip
        merged = nnx.merge(graph, parameters, state)
        if training is not None:
            merged.set_attributes(
                **{name: value is training for name, value in _MODES.items()},
                raise_if_not_found=False,
            )
        for name, value in settings:
            setattr(merged, name, value)
        outputs = merged(x, **dict(options))
        _, _, changed = nnx.split(merged, nnx.Param, ...)
        return outputs, changed

    shown = plain_values(layer)
    return Pure(
        hashable(graph),
        parameters,
        state,
        call,
        signature_of(options_of(type(layer).__call__, is_bound=False), must=False),
        shown,
        training=not any(shown.get(name) for name in _MODES),
        channels_last=shown.get("axis", -1) != 1,
    )
