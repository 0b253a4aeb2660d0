"""Layers whose train() pass over the context conditions them and whose eval() pass predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters.base import Adapter, set_mode

if TYPE_CHECKING:
    from torch import Tensor


class ModeFlag:
    """The task state is the live layer: nothing here conditions it a second time.

    The flag is set only where it changes, as a user's test loop does; setting it before every
    call would hide what a layer does between them.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self._training: bool | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        self._switch(training=True)
        return self.layer(context), self.layer

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        self._switch(training=False)
        return self.layer(targets)  # type: ignore[no-any-return]  # checked by the probe

    def _switch(self, *, training: bool) -> None:
        if self._training is not training:
            set_mode(self.layer, training=training)
            self._training = training


MODE_FLAG = Adapter(
    "mode_flag",
    "train() and a call on the context condition; eval() and a call predict",
    ModeFlag,
    live_state=True,
)
