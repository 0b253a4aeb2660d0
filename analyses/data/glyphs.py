"""Glyphs: characters of 25 scripts and blocks of symbols, drawn from matplotlib's own fonts.

They need no download. Scripts are disjoint between meta-train, validation and meta-test, and a
character that looks like one of another split is removed (letters are shared by scripts).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import rendering
from .cache import key_of, stored
from .dataset import SPLITS, ClassOfImages, assembled
from .errors import DataError
from .faces import shipped_faces
from .images import ArrayImages
from .scripts import SCRIPTS, characters
from .twins import TWIN, first_of_each

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from .cache import Allocate
    from .dataset import Dataset
    from .scripts import Script

_PER_CHARACTER = 1 + rendering.RENDERINGS


def glyphs(
    scripts: Sequence[Script] = SCRIPTS,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """The glyphs of `scripts`: classes are characters, 20 images (1, 28, 28) of each.

    Drawn on the first call and kept in the cache, under a hash of the fonts, the characters,
    the drawing code and Pillow's version. Groups are the scripts. `progress` is called with
    the number of characters drawn so far and of all.
    """
    wanted = [
        (script, character)
        for split in SPLITS
        for script in scripts
        if script.split == split
        for character in characters(script)
        if len(_paths_for(character)) > 1
    ]
    if not wanted:
        raise DataError("no character of the scripts asked for is in the shipped fonts")

    def fill(allocate: Allocate) -> Mapping[str, object]:
        values = allocate((len(wanted), _PER_CHARACTER, rendering.SIDE, rendering.SIDE))
        return {"kept": _draw(wanted, values, progress)}

    entry = stored("glyphs", _key(wanted), fill)
    kept: list[int] = list(entry.notes["kept"])  # type: ignore[call-overload]  # our own note
    # The plain drawing leads each character's and is no class's image: rows skip it.
    pixels = entry.values.reshape(-1, 1, rendering.SIDE, rendering.SIDE)
    rows = np.array(kept)[:, None] * _PER_CHARACTER + np.arange(1, _PER_CHARACTER)
    classes = [
        ClassOfImages(script.split, _name(character), rendering.RENDERINGS, script.name)
        for script, character in (wanted[i] for i in kept)
    ]
    notes: dict[str, str | int] = {
        "source": f"fonts of matplotlib, {len({s.name for s, _ in wanted})} scripts",
        "characters": len(kept),
        "twins removed": len(wanted) - len(kept),
    }
    return assembled("glyphs", classes, ArrayImages(pixels[rows.ravel()]), entry.digest, notes)


def _draw(
    wanted: Sequence[tuple[Script, str]],
    values: NDArray[np.uint8],
    progress: Callable[[int, int], None] | None,
) -> list[int]:
    """Draw every character into `values`; the numbers of those that are kept."""
    values[:] = 0
    for i, (_, character) in enumerate(wanted):
        drawn = rendering.drawings(character, _paths_for(character))
        if drawn is not None:
            values[i] = drawn
        if progress is not None:
            progress(i + 1, len(wanted))
    # Test characters are kept before validation's and those before train's, which has most.
    order = np.array(
        sorted(range(len(wanted)), key=lambda i: (-SPLITS.index(wanted[i][0].split), i))
    )
    kept = first_of_each(values[order, 0], TWIN)
    return sorted(int(i) for i in order[kept])


def _paths_for(character: str) -> tuple[Path, ...]:
    code = ord(character)
    return tuple(face.path for face in shipped_faces() if code in face.code_points)


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {character}"


def _key(wanted: Sequence[tuple[Script, str]]) -> str:
    import PIL

    here = Path(__file__).parent
    code = hashlib.sha256()
    for module in ("rendering.py", "twins.py", "glyphs.py"):
        code.update((here / module).read_bytes())
    return key_of(
        [face.digest for face in shipped_faces()],
        [(script.split, character) for script, character in wanted],
        code.hexdigest(),
        PIL.__version__,
    )
