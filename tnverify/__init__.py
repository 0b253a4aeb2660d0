"""Property-based verification of normalisation in few-shot learning.

Importing this package imports neither torch nor Hypothesis: pytest loads the plug-in that
lives here in every run, and a user who does not ask for tnverify must not pay for it.
"""

from __future__ import annotations

from pathlib import Path as _Path

__version__ = "0.1.0"

# In a checkout the catalogue and the analyses lie beside the package; the wheel nests them in
# it. Appending the checkout's root makes both spell `tnverify.properties`.
_root = _Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "properties" / "__init__.py").is_file():
    __path__.append(str(_root))

__all__ = ["__version__"]
