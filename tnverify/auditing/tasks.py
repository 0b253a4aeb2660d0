"""Tasks that are generated: images of strokes, tables and sequences, each class about its own
pattern, so that a learner that works classifies them well above chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tnverify.auditing.task import AuditTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_SHOTS = (1, 5, 2, 3)
_TARGETS = (10, 15, 7, 12, 9)
"""Targets of a task: odd counts, and such as are no multiple of the way, are among them."""
_FEW = 64
_NOISE = 0.35
"""The spread of the items of a class, where patterns have a spread of about one."""


def generated(
    number: int,
    shape: tuple[int, ...],
    *,
    seed: int = 0,
    way: int = 5,
    shot: int | None = None,
    targets: int | None = None,
    contextless: bool = False,
) -> AuditTask:
    """Return task `number` of a seed. Shot and the number of targets vary where none is given.

    The context is sorted by class, as most loaders of few-shot tasks give it; targets are mixed.
    """
    draws = np.random.default_rng([seed, number, way, *shape])
    shot = shot or _SHOTS[number % len(_SHOTS)]
    count = targets or max(way, _TARGETS[number % len(_TARGETS)])
    patterns = _patterns(draws, way, shape)
    labels = np.repeat(np.arange(way), 0 if contextless else shot)
    # The first `way` targets are one of each class, whatever the count.
    target_labels = draws.permutation(np.arange(count) % way)
    context = _items(draws, patterns, labels, shape)
    queries = _items(draws, patterns, target_labels, shape)
    return AuditTask(
        context=torch.from_numpy(context),
        labels=torch.from_numpy(labels),
        targets=torch.from_numpy(queries),
        target_labels=torch.from_numpy(target_labels),
        way=way,
        number=number,
    )


def _items(
    draws: np.random.Generator,
    patterns: NDArray[np.float64],
    labels: NDArray[np.int64],
    shape: tuple[int, ...],
) -> NDArray[np.float32]:
    noise = _NOISE * draws.standard_normal((len(labels), *shape))
    chosen = patterns[labels] if len(labels) else np.zeros((0, *shape))
    if len(shape) == 3:
        chosen = np.stack([_shifted(draws, image) for image in chosen]) if len(chosen) else chosen
        noise *= 0.3
    return (chosen + noise).astype(np.float32)


def _shifted(draws: np.random.Generator, image: NDArray[np.float64]) -> NDArray[np.float64]:
    by = tuple(int(draws.integers(-1, 2)) for _ in range(2))
    return np.roll(image, by, axis=(1, 2))


def _patterns(draws: np.random.Generator, way: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if len(shape) == 3:
        return np.stack([_glyph(draws, shape) for _ in range(way)])
    count = int(np.prod(shape))
    # In many dimensions classes lie so far apart that nothing makes a learner err.
    size = 1.0 if count <= _FEW else 3 * _NOISE / count**0.5
    return size * draws.standard_normal((way, *shape))


def _glyph(draws: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A character of four strokes, thick enough to be seen at any size."""
    channels, height, width = shape
    rows, columns = np.mgrid[0:height, 0:width]
    at = np.stack([rows / max(1, height - 1), columns / max(1, width - 1)], -1)
    image = np.zeros((height, width))
    for _ in range(4):
        start, end = draws.uniform(0.1, 0.9, (2, 2))
        along = end - start
        place = np.clip(((at - start) @ along) / max(float(along @ along), 1e-9), 0, 1)
        distance = np.linalg.norm(at - start - place[..., None] * along, axis=-1)
        image = np.maximum(image, np.clip(1.5 - distance / 0.05, 0, 1))
    tint = draws.uniform(0.4, 1.0, (channels, 1, 1))
    return image[None] * tint


def given_tasks(tasks: Iterable[Sequence[Any]]) -> tuple[AuditTask, ...]:
    """Return a user's own tasks: (context, labels, targets) or with target labels behind them.

    Labels become 0 to way - 1. Raises ValueError, with the place of the task, for what is none.
    """
    return tuple(_given(task, number) for number, task in enumerate(tasks))


def _given(task: Sequence[Any], number: int) -> AuditTask:
    if len(task) not in (3, 4):
        raise ValueError(
            f"task {number} has {len(task)} parts: give (context, labels, targets) or (context,"
            " labels, targets, target labels)"
        )
    context, targets = (torch.as_tensor(np.asarray(task[place])) for place in (0, 2))
    labels = np.asarray(task[1])
    if len(context) != len(labels):
        raise ValueError(f"task {number} has {len(context)} context items and {len(labels)} labels")
    if context.shape[1:] != targets.shape[1:]:
        raise ValueError(
            f"task {number}: context items are {tuple(context.shape[1:])}, targets"
            f" {tuple(targets.shape[1:])}: they must be alike"
        )
    if len(targets) < 2:
        raise ValueError(f"task {number} has {len(targets)} targets: an audit compares two or more")
    names, places = np.unique(labels, return_inverse=True)
    known = {name: place for place, name in enumerate(names.tolist())}
    theirs = np.asarray(task[3]).tolist() if len(task) == 4 else [names.tolist()[0]] * len(targets)
    float32 = torch.float32 if context.is_floating_point() else context.dtype
    return AuditTask(
        context=context.to(float32),
        labels=torch.from_numpy(places.reshape(-1).astype(np.int64)),
        targets=targets.to(float32),
        target_labels=torch.tensor([known.get(name, 0) for name in theirs]),
        way=len(names),
        number=number,
    )
