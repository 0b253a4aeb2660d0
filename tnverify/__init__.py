"""Property-based verification of normalisation in few-shot learning.

Importing this package imports neither torch nor Hypothesis: pytest loads the plug-in that
lives here in every run, and a user who does not ask for tnverify must not pay for it.
"""

from __future__ import annotations

import importlib as _importlib
from pathlib import Path as _Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tnverify.auditing.api import audit
    from tnverify.auditing.parametrized import parametrize_audit
    from tnverify.bad_input import BadInput
    from tnverify.doors.api import identify, verify
    from tnverify.doors.drawn import tasks
    from tnverify.doors.parametrized import parametrize

__version__ = "0.1.0"

# In a checkout the catalogue and the analyses lie beside the package; the wheel nests them in
# it. Appending the checkout's root makes both spell `tnverify.properties`.
_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "properties" / "__init__.py").is_file():
    __path__.append(str(_root))

_HOMES = {
    "BadInput": "tnverify.bad_input",
    "audit": "tnverify.auditing.api",
    "identify": "tnverify.doors.api",
    "parametrize": "tnverify.doors.parametrized",
    "parametrize_audit": "tnverify.auditing.parametrized",
    "tasks": "tnverify.doors.drawn",
    "verify": "tnverify.doors.api",
}
"""Where each public name lives: imported when it is first asked for."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(_importlib.import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


__all__ = [
    "BadInput", "__version__", "audit", "identify", "parametrize", "parametrize_audit", "tasks",
    "verify",
]  # fmt: skip
