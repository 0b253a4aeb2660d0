"""Workplaces: what a run leaves for its next attempt, and who may work there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tnverify.analyses.sweep import TakenOverError, Workplace
from tnverify.analyses.sweep import workplace as module
from tnverify.analyses.sweep.workplace import dismiss, share_done

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _at_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.0)


def test_what_is_told_can_be_read(tmp_path: Path) -> None:
    assert share_done(tmp_path / "run") == 0.0
    workplace = Workplace(tmp_path / "run")
    assert share_done(workplace.folder) == 0.0
    workplace.tell(30, 120)
    assert share_done(workplace.folder) == 0.25
    workplace.tell(7, 5)
    assert share_done(workplace.folder) == 1.0


def test_files_stay_for_the_next_attempt_and_go_with_the_last(tmp_path: Path) -> None:
    first = Workplace(tmp_path / "run")
    (first.folder / "checkpoint").write_text("5")
    second = Workplace(tmp_path / "run")
    assert (second.folder / "checkpoint").read_text() == "5"
    second.clear()
    assert not second.folder.exists()


def test_who_is_taken_over_ends_and_the_other_goes_on(tmp_path: Path) -> None:
    first = Workplace(tmp_path / "run")
    first.tell(1, 2)
    second = Workplace(tmp_path / "run")
    with pytest.raises(TakenOverError, match="taken over"):
        first.tell(1, 2)
    second.tell(1, 2)


def test_who_is_dismissed_ends_and_leaves_its_files(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path / "run")
    (workplace.folder / "checkpoint").write_text("5")
    dismiss(workplace.folder)
    with pytest.raises(TakenOverError):
        workplace.tell(1, 2)
    assert (workplace.folder / "checkpoint").exists()
    dismiss(tmp_path / "nobody")


def test_the_disk_is_looked_at_once_in_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY", 3600.0)
    workplace = Workplace(tmp_path / "run")
    workplace.tell(1, 10)
    dismiss(workplace.folder)
    workplace.tell(9, 10)
    assert share_done(workplace.folder) == 0.1
