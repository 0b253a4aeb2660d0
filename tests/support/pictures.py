"""What a picture must not be: cut off."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def expect_a_clear_edge(png: bytes, name: str) -> None:
    """No word or mark reaches the picture's border, where the rest of it would be missing."""
    with Image.open(io.BytesIO(png)) as opened:
        pixels = np.asarray(opened.convert("L"))
    edges = {"top": pixels[0], "bottom": pixels[-1], "left": pixels[:, 0], "right": pixels[:, -1]}
    cut = [side for side, edge in edges.items() if edge.min() != edge.max()]
    assert not cut, f"{name} is cut off: {', '.join(cut)}"
