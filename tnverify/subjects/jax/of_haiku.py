"""Layers of haiku: built inside a transform, which keeps their parameters and state."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import haiku as hk
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

if TYPE_CHECKING:
    from tnverify.subjects.jax.building import Waiting


def pure(layer: Waiting, channels: int, spatial: tuple[int, ...]) -> Pure:
    """The layer as a pure function, initialised on maps of the given size."""
    shown: dict[str, Any] = {}

    def run(x: Any, settings: Settings = (), **given: Any) -> Any:
        built = layer.built()
        shown.update(plain_values(built))
        for name, value in settings:
            setattr(built, name, value)
        return built(x, **given)

    transformed = hk.transform_with_state(run)
    options = options_of(layer.kind.__call__, is_bound=False)
    form = layer.keywords.get("data_format", "channels_last")
    last = form == "channels_last" or form.endswith("C")
    x = sample((2, *spatial, channels) if last else (2, channels, *spatial))
    key = jax.random.PRNGKey(0)
    must = not answers(partial(transformed.init, key, x))
    given = first_options(options) if must else {}
    parameters, state = transformed.init(key, x, **given)

    def call(
        parameters: Any, state: Any, x: Any, settings: Settings, options: Settings,
        _training: bool | None,
    ) -> tuple[Any, Any]:  # fmt: skip
        return transformed.apply(  # type: ignore[no-any-return]  # outputs and state, says haiku
            parameters, state, key, x, settings=settings, **dict(options)
        )

    shown.pop("name", None)
    return Pure(
        hashable(layer.kind, layer.positional, tuple(layer.keywords.items())),
        parameters,
        state,
        call,
        signature_of(options, must=must),
        dict(shown),
        channels_last=last,
    )
