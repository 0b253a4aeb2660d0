"""Arrays kept on disk: made once, whole or not at all, made again when damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tnverify.analyses.data import DataError, cache_root
from tnverify.analyses.data.cache import key_of, stored

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tnverify.analyses.data.cache import Allocate


class Counting:
    """Fills an array with 0, 1, 2, ... and counts how often it was asked to."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, allocate: Allocate) -> dict[str, object]:
        self.calls += 1
        values = allocate((3, 4))
        values[:] = np.arange(12).reshape(3, 4)
        return {"rows": 3}


def expect_counted(values: NDArray[np.uint8]) -> None:
    assert values.tolist() == np.arange(12).reshape(3, 4).tolist()


def test_an_entry_is_made_once() -> None:
    fill = Counting()
    first, second = stored("kind", "key", fill), stored("kind", "key", fill)
    assert fill.calls == 1
    for entry in (first, second):
        expect_counted(entry.values)
        assert entry.notes == {"rows": 3}
    assert first.digest == second.digest


def test_an_entry_cannot_be_written_to() -> None:
    entry = stored("kind", "key", Counting())
    with pytest.raises(ValueError, match="read-only"):
        entry.values[0, 0] = 1


@pytest.mark.parametrize("harm", ["cut", "flipped", "gone", "about"])
def test_a_damaged_entry_is_made_again(harm: str) -> None:
    fill = Counting()
    stored("kind", "key", fill)
    folder = cache_root() / "kind" / "key"
    values, about = folder / "values.npy", folder / "about.json"
    content = values.read_bytes()
    if harm == "cut":
        values.write_bytes(content[:-1])
    elif harm == "flipped":
        values.write_bytes(content[:-1] + bytes((content[-1] ^ 1,)))
    elif harm == "gone":
        values.unlink()
    else:
        about.write_text("{")
    expect_counted(stored("kind", "key", fill).values)
    assert fill.calls == 2


def test_a_fill_that_fails_leaves_nothing() -> None:
    def fill(allocate: Allocate) -> dict[str, object]:
        allocate((2, 2))[:] = 7
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stored("kind", "key", fill)
    assert list((cache_root() / "kind").iterdir()) == []


def test_an_entry_made_by_another_process_meanwhile_is_taken() -> None:
    inner = Counting()

    def fill(allocate: Allocate) -> dict[str, object]:
        stored("kind", "key", inner)  # as if another process were quicker
        allocate((1, 1))[:] = 99
        return {}

    expect_counted(stored("kind", "key", fill).values)
    assert sorted(p.name for p in (cache_root() / "kind").iterdir()) == ["key"]


def test_what_a_killed_process_left_is_swept_away_after_a_day() -> None:
    old, new = (cache_root() / "kind" / f".key-{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "values.npy").write_bytes(b"half")
    two_days_ago = new.stat().st_mtime - 2 * 86_400
    os.utime(old, (two_days_ago, two_days_ago))
    stored("kind", "key", Counting())
    assert not old.exists()
    assert new.exists()


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TNVERIFY_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=r"cannot write the cache folder .*file.*TNVERIFY_CACHE"):
        stored("kind", "key", Counting())


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TNVERIFY_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root() == tmp_path / "mine"
    monkeypatch.delenv("TNVERIFY_CACHE")
    assert cache_root() == tmp_path / "xdg" / "tnverify"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache" / "tnverify"


def test_keys_tell_values_apart() -> None:
    assert key_of(1, [2, 3]) == key_of(1, (2, 3))
    assert len({key_of(1, [2, 3]), key_of(1, 2, 3), key_of([1, 2], 3), key_of("1", [2, 3])}) == 4


_PROGRAM = """
from tnverify.analyses.data.glyphs import glyphs
from tnverify.analyses.data.scripts import SCRIPTS
data = glyphs([s for s in SCRIPTS if s.name == "Coptic"])
print(data.fingerprint)
"""


def test_processes_that_draw_at_once_agree(cache: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdout=subprocess.PIPE, text=True, env=os.environ
        )
        for _ in range(3)
    ]
    printed = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(set(printed)) == 1
    assert len(printed[0].strip()) == 64
    assert len(list((cache / "glyphs").iterdir())) == 1
