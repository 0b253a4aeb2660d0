"""A request of a size that is made up in a second, over a data set that is drawn in one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from drawn_folder import write_drawn_folder

from tnverify.analyses.programs.request import SIZES, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What `--data` is; decoded once for all of these tests, away from the user's cache."""
    root: Path = tmp_path_factory.mktemp("drawn")
    write_drawn_folder(root / "images")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TNVERIFY_CACHE", str(root / "cache"))
        yield f"folder:{root / 'images'}"


@pytest.fixture
def small(drawn: str) -> Request:
    """Two seeds, a dozen tasks."""
    size = replace(SIZES["smoke"], tasks=(12, 8), in_parts=(5, 4), resamples=100)
    return Request(size, data=drawn)
