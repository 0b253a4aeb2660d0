"""What an import costs: pytest loads the plug-in in every run of every project."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = (
    "torch", "hypothesis", "numpy", "rich", "click", "jinja2", "junitparser", "tomlkit", "msgspec",
)  # fmt: skip

_PROGRAM = """
import sys
import {module}
print(*[name for name in {heavy!r} if name in sys.modules])
"""


def heavy_modules_after(module: str, *, path: Path | None = None) -> list[str]:
    """The heavy packages that a fresh process has loaded once it imported `module`."""
    program = _PROGRAM.format(module=module, heavy=HEAVY)
    if path is not None:
        program = f"import sys; sys.path.insert(0, {str(path)!r})\n{program}"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return ran.stdout.split()


@pytest.mark.parametrize("module", ["tnverify", "tnverify.pytest_plugin"])
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    assert heavy_modules_after(module) == []


@pytest.mark.parametrize("planted", HEAVY)
def test_a_planted_import_is_noticed(planted: str, tmp_path: Path) -> None:
    (tmp_path / "planted_plugin.py").write_text(f"import tnverify\nimport {planted}\n")
    assert planted in heavy_modules_after("planted_plugin", path=tmp_path)
