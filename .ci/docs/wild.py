"""What the tests say of other people's layers, as a page."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from markdown import prose, table

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = {"sb3_contrib": "sb3-contrib", "pytorch_tabnet": "pytorch-tabnet"}
_NAMES = {"torch_geometric": "torch-geometric", **_PACKAGES}


def layers() -> str:
    """Return what `tests/wild/test_wild.py` expects of every layer, and why."""
    bounds = _bounds()
    rows = []
    for case in _expected():
        name = _NAMES.get(case.package, case.package)
        if name == "public_layers":
            package = "written after public code"
        else:
            package = prose(bounds.get(name, name))
        verdict = case.verdict + (f", as `{case.scheme}`" if case.verdict == "conforms" else "")
        fails = ", ".join(f"`{law}`" for law in case.fails)
        command = f"`tnverify verify {_quoted(case.spec)} --profile quick`"
        rows.append((package, command, verdict, fails, prose(case.reason)))
    return table(("package", "command", "verdict", "what may not hold", "why"), rows)


def _quoted(spec: str) -> str:
    if "'" in spec or '"' in spec:
        return f"'{spec}'"
    return f'"{spec}"' if re.search(r"[^\w.:/]", spec) else spec


def _expected() -> tuple[Any, ...]:
    spec = importlib.util.spec_from_file_location(
        "expectations", ROOT / "tests" / "wild" / "test_wild.py"
    )
    if spec is None or spec.loader is None:
        raise FileNotFoundError("tests/wild/test_wild.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return tuple(module.EXPECTED)


def _bounds() -> dict[str, str]:
    """Return the releases that the extras ask for, by package."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [
        each
        for needs in extras["optional-dependencies"].values()
        for each in (*needs, *extras["dependencies"])
    ]
    return {re.split(r"[<>=\[]", each)[0]: each for each in named}
