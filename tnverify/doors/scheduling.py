"""How pytest-xdist hands out laws: those of one layer to one worker, other tests one at a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    import pytest

_OF_A_TEST = re.compile(r"(?P<test>.+)\[.*::\w+\]")
"""The id of a test that `tnverify.parametrize` made."""


class _ByLayer(LoadScopeScheduling):  # type: ignore[misc]  # xdist is not typed
    specs: tuple[str, ...] = ()

    def _split_scope(self, nodeid: str) -> str:
        layer = nodeid.rpartition("::")[0]
        if layer in self.specs:
            return layer
        made = _OF_A_TEST.fullmatch(nodeid)
        return made["test"] if made else nodeid


def by_layer(config: pytest.Config, log: Any, specs: tuple[str, ...]) -> Any:
    """Return a scheduler that keeps the laws of each layer together."""
    scheduler = _ByLayer(config, log)
    scheduler.specs = specs
    return scheduler
