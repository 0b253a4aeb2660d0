"""The font faces that matplotlib ships, and which characters each can draw."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .cache import hash_of_file
from .errors import DataError

FACES: tuple[str, ...] = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
)
"""Faces whose characters are at their Unicode places; the TeX fonts' are not."""


@dataclass(frozen=True)
class Face:
    """A font file, the code points that it can draw, and the hash of its bytes."""

    path: Path
    code_points: frozenset[int]
    digest: str


@lru_cache(maxsize=1)
def shipped_faces() -> tuple[Face, ...]:
    """The faces of `FACES`, from the installed matplotlib."""
    import matplotlib as mpl
    from matplotlib.ft2font import FT2Font

    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    faces = []
    for name in FACES:
        path = folder / f"{name}.ttf"
        if not path.is_file():
            raise DataError(f"matplotlib {mpl.__version__} ships no font {path}")
        code_points = frozenset(FT2Font(str(path)).get_charmap())
        faces.append(Face(path, code_points, hash_of_file(path)))
    return tuple(faces)
