"""A small data set on disk, split/class/image, that few-shot learners can learn in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 16
IMAGES = 12
CLASSES = {"train": 24, "validation": 8, "test": 10}


def write_drawn_folder(root: Path) -> None:
    """Classes are four blurred blots each, images of a class move them by a pixel, with noise."""
    rng = np.random.default_rng(20)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for split, classes in CLASSES.items():
        for number in range(classes):
            folder = root / split / f"class {number:02d}"
            folder.mkdir(parents=True)
            blots = rng.uniform(2, SIDE - 2, (4, 2))
            for image in range(IMAGES):
                pixels = rng.normal(0.0, 0.1, (SIDE, SIDE))
                for top, left in blots + rng.uniform(-1, 1, (4, 2)):
                    pixels += np.exp(-((rows - top) ** 2 + (columns - left) ** 2) / 4.0)
                drawn = (255 * np.clip(pixels, 0.0, 1.0)).astype(np.uint8)
                Image.fromarray(drawn).save(folder / f"{image:02d}.png")
