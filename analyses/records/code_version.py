"""A name for the sources that results depend on, so that changed code is run again."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def code_version(modules: Sequence[str]) -> str:
    """Twelve hex digits of the hash of the Python sources of `modules`.

    A package stands for every module below it. What the sources import does not count unless it
    is listed; neither do line ends, nor where the package is installed. A comment does count.
    """
    digest = hashlib.sha256()
    for module in sorted(set(modules)):
        for name, path in _sources(module):
            text = path.read_text(encoding="utf-8")  # line ends become \n
            digest.update(f"{module}\0{name}\0{len(text)}\0{text}".encode())
    return digest.hexdigest()[:12]


def _sources(module: str) -> Iterator[tuple[str, Path]]:
    """Names and paths of a module's sources, in an order that is the same everywhere."""
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ModuleNotFoundError(f"no module named {module!r}: its version cannot be told")
    if spec.submodule_search_locations is None:
        if spec.origin is None or not spec.origin.endswith(".py"):
            raise ValueError(f"{module} has no Python source: its version cannot be told")
        yield "", Path(spec.origin)
        return
    found = {
        path.relative_to(folder).as_posix(): path
        for folder in map(Path, spec.submodule_search_locations)
        for path in folder.rglob("*.py")
    }
    if not found:
        raise ValueError(f"{module} has no Python source: its version cannot be told")
    yield from sorted(found.items())
