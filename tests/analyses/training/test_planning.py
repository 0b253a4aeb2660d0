"""Plans made ready: data are checked before anything is trained, and name the records."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from image_layouts import encoded, picture

from tnverify.analyses.data import DataError
from tnverify.analyses.records import RecordStore
from tnverify.analyses.sweep import Workplace
from tnverify.analyses.training import sources, train_one
from tnverify.analyses.training.planning import planned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TASK = {"way": 2, "shot": 1, "targets": 1}


def configuration(root: Path) -> dict[str, Any]:
    return {
        "learner": "pixels", "seed": 0, "data": f"folder:{root}", "side": 8, "channels": 1,
        "test": [
            {"configuration": "own", "tasks": 2, **TASK},
            {"configuration": "foreign", "data": "digits", "tasks": 2, **TASK},
        ],
    }  # fmt: skip


def trained(root: Path) -> dict[str, Any]:
    train = {"iterations": 1, **TASK}
    validate = {"every": 1, "tasks": 1}
    return configuration(root) | {
        "learner": "protonets", "scheme": "none", "train": train, "validate": validate,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    """A process reads its data once; here they change while it runs."""
    sources._loaded.cache_clear()
    yield
    sources._loaded.cache_clear()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "pets"
    for split in ("train", "val", "test"):
        for kind in ("ant", "bee", "cat"):
            place = root / split / kind
            place.mkdir(parents=True)
            for number in range(3):
                seed = sum(map(ord, f"{split}{kind}{number}"))
                (place / f"{number}.png").write_bytes(encoded(picture(seed)))
    return root


def name_of(configurations: list[dict[str, Any]], tmp_path: Path) -> str:
    (name,) = (RecordStore(tmp_path, "code").name(each) for each in configurations)
    return name


def test_data_that_were_moved_have_the_records_that_they_had(root: Path, tmp_path: Path) -> None:
    before = name_of(planned([configuration(root)]), tmp_path)
    moved = tmp_path / "elsewhere" / "pets"
    moved.parent.mkdir()
    shutil.move(root, moved)
    assert name_of(planned([configuration(moved)]), tmp_path) == before


def test_images_that_were_changed_have_other_records(root: Path, tmp_path: Path) -> None:
    before = name_of(planned([configuration(root)]), tmp_path)
    for file in root.glob("test/*/*.png"):
        file.write_bytes(encoded(np.zeros((12, 12, 3), np.uint8)))
    sources._loaded.cache_clear()
    assert name_of(planned([configuration(root)]), tmp_path) != before


def test_a_run_whose_data_were_changed_since_it_was_planned_is_refused(
    root: Path, tmp_path: Path
) -> None:
    (ready,) = planned([configuration(root)])
    workplace = Workplace(tmp_path / "work")
    assert train_one(ready, workplace).results["data"]
    (root / "test" / "ant" / "0.png").write_bytes(encoded(picture(77)))
    sources._loaded.cache_clear()
    with pytest.raises(DataError, match="does not hold what it held when this run was planned"):
        train_one(ready, workplace)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_validation_split_that_cannot_serve_is_told_before_training(
    root: Path, *, is_there: bool
) -> None:
    planned([trained(root)])
    shutil.rmtree(root / "val" / "bee")
    shutil.rmtree(root / "val" / ("cat" if is_there else "."))
    sources._loaded.cache_clear()
    with pytest.raises(DataError, match="validation"):
        planned([trained(root)])
