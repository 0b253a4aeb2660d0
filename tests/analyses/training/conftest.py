"""One small data set on disk for all tests of training, and a cache of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from drawn_folder import write_drawn_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What `data` is in a configuration; decoded once for the session."""
    root: Path = tmp_path_factory.mktemp("drawn")
    write_drawn_folder(root / "images")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TNVERIFY_CACHE", str(root / "cache"))
        yield f"folder:{root / 'images'}"
