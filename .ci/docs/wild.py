"""Make a page of what the tests expect of other people's layers."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from pieces import prose

ROOT = Path(__file__).resolve().parents[2]
_NAMES = {
    "torch_geometric": "torch-geometric",
    "sb3_contrib": "sb3-contrib",
    "pytorch_tabnet": "pytorch-tabnet",
}
"""Names of packages that are not those of their modules."""


def layers() -> str:
    """Return what `tests/wild/test_wild.py` expects of every layer, and why."""
    bounds = _bounds()
    shown: dict[str, list[str]] = {"violates": [], "conforms": []}
    for case in _expected():
        name = _NAMES.get(case.package, case.package)
        package = f", {prose(bounds[name])}" if name in bounds else ""
        lines = [
            f"* `{case.spec}`{package}: {prose(case.reason)}.",
            f"`tnverify verify {_quoted(case.spec)} --profile quick`",
        ]
        if case.verdict == "conforms":
            lines.append(f"conforms as `{case.scheme}`.")
        if case.fails:
            lines.append(f"May not hold: {', '.join(f'`{law}`' for law in case.fails)}.")
        shown[case.verdict].append("\\\n  ".join(lines))
    return "\n\n".join(
        f"### {verdict.capitalize()}\n\n" + "\n".join(found) for verdict, found in shown.items()
    )


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
