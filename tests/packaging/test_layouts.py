"""The catalogue is `tnverify.properties` in the checkout and in the wheel, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_WHERE = """
import sys
sys.path.insert(0, {first!r})
import tnverify.properties, tnverify.analyses
print(tnverify.properties.__file__)
print(tnverify.analyses.__file__)
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    """A program in a fresh process that puts nothing of its own on the path."""
    return subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_checkout_has_them_at_its_top() -> None:
    ran = run(_WHERE.format(first=str(ROOT)))
    assert ran.stdout.split() == [
        str(ROOT / "properties" / "__init__.py"), str(ROOT / "analyses" / "__init__.py"),
    ], ran.stderr  # fmt: skip


def test_a_wheel_has_them_inside(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    ran = run(_WHERE.format(first=str(tmp_path)))
    inside = tmp_path / "tnverify"
    assert ran.stdout.split() == [
        str(inside / "properties" / "__init__.py"), str(inside / "analyses" / "__init__.py"),
    ], ran.stderr  # fmt: skip


def test_plain_properties_is_refused() -> None:
    ran = run(f"import sys; sys.path.insert(0, {str(ROOT)!r}); import properties")
    assert ran.returncode == 1
    assert "import it as `tnverify.properties`" in ran.stderr
