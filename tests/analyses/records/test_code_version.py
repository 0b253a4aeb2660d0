"""The version of the code: changed by every source that counts, and by nothing else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tnverify.analyses.records import code_version

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a package `versioned`, which can be imported."""
    folder = tmp_path / "versioned"
    (folder / "inner").mkdir(parents=True)
    for name in ("__init__.py", "one.py", "inner/__init__.py", "inner/two.py"):
        (folder / name).write_text(f"# {name}\nx = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "versioned", raising=False)
    return folder


def test_a_changed_source_changes_it_and_changing_it_back_restores_it(package: Path) -> None:
    before = code_version(["versioned"])
    (package / "inner" / "two.py").write_text("x = 2\n")
    assert code_version(["versioned"]) != before
    (package / "inner" / "two.py").write_text("# inner/two.py\nx = 1\n")
    assert code_version(["versioned"]) == before
    (package / "inner" / "two.py").rename(package / "inner" / "three.py")
    assert code_version(["versioned"]) != before


def test_line_ends_compiled_files_and_the_order_of_modules_do_not(package: Path) -> None:
    before = code_version(["versioned", "json"])
    (package / "one.py").write_bytes(b"# one.py\r\nx = 1\r\n")
    (package / "one.pyc").write_bytes(b"\0")
    assert code_version(["json", "versioned", "json"]) == before


def test_a_module_stands_for_itself_alone(package: Path) -> None:
    before = code_version(["versioned.one"])
    (package / "inner" / "two.py").write_text("x = 2\n")
    assert code_version(["versioned.one"]) == before
    (package / "one.py").write_text("x = 2\n")
    assert code_version(["versioned.one"]) != before


def test_no_text_can_be_moved_from_one_file_to_the_next(package: Path) -> None:
    # Joined without lengths, both would read: one.py, a, two.py, b.
    names = "versioned\0two.py\0"
    (package / "one.py").write_text("a")
    (package / "two.py").write_text("b")
    before = code_version(["versioned"])
    (package / "two.py").unlink()
    (package / "one.py").write_text(f"a{names}b")
    assert code_version(["versioned"]) != before


@pytest.mark.parametrize(
    ("module", "said"),
    [("versionless", "no module named 'versionless'"), ("math", "no Python source")],
)
def test_what_has_no_source_has_no_version(module: str, said: str) -> None:
    with pytest.raises((ModuleNotFoundError, ValueError), match=said):
        code_version([module])
