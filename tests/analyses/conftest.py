"""A small data set on disk, drawn in a second, and a request over it that is made up in another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from drawn_folder import write_drawn_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tnverify.analyses.programs.request import Request


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What `--data` is, and `data` of a configuration; decoded once, away from the user's cache."""
    root: Path = tmp_path_factory.mktemp("drawn")
    write_drawn_folder(root / "images")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TNVERIFY_CACHE", str(root / "cache"))
        yield f"folder:{root / 'images'}"


@pytest.fixture
def small(drawn: str) -> Request:
    """Two seeds, a dozen tasks."""
    from tnverify.analyses.programs.request import SIZES, Request

    size = replace(SIZES["smoke"], tasks=(12, 8), in_parts=(5, 4), resamples=100)
    return Request(size, data=drawn)
