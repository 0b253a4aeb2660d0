"""What the names of arguments say: data to be called with, and sizes to be built for."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

_CONTEXT = ("support", "context", "train", "shot", "spt", "demo", "reference", "memory", "ctx")
_TARGETS = ("query", "queries", "target", "targets", "test", "qry", "unlabelled", "unlabeled")
_LABELS = ("label", "labels", "y", "targets_y", "classes", "ys", "lab")
_INPUTS = ("x", "xs", "images", "image", "inputs", "input", "data", "items", "features", "batch",
           "img", "imgs", "samples", "texts", "sentences", "tokens", "ids", "signal", "rows",
           "sequences", "series", "sequence", "points", "values", "table", "text", "videos",
           "audio", "waveforms")  # fmt: skip

_WAY = ("way", "ways", "classes", "outputs", "n", "labels", "out")
_SHOT = ("shot", "shots", "k")
_CHANNELS = ("channels", "channel", "chans", "c", "ch")
_FEATURES = ("features", "feature", "dim", "dims", "size", "d", "in")
_HIDDEN = ("hidden", "width", "embed", "embedding", "emb", "z", "latent", "units", "filters")
_MODELS = ("model", "net", "network", "backbone", "encoder", "module", "embedder", "extractor",
           "body", "base")  # fmt: skip
_HIDDEN_UNITS = 32


def parts(name: str) -> tuple[str, ...]:
    """The words in the name of an argument."""
    return tuple(part for part in name.lower().replace("-", "_").split("_") if part)


def _has(name: str, known: tuple[str, ...]) -> bool:
    whole = name.lower()
    return whole in known or any(
        part in known or part.rstrip("s") in known or part.rstrip("0123456789") in known
        for part in parts(name)
    )


def is_labels(name: str) -> bool:
    """Whether an argument is named as labels are."""
    return _has(name, _LABELS)


def is_context(name: str) -> bool:
    """Whether an argument is named as a context is, or its labels."""
    return _has(name, _CONTEXT)


def is_targets(name: str) -> bool:
    """Whether an argument is named as targets are, or their labels."""
    return _has(name, _TARGETS)


def is_data(name: str) -> bool:
    """Whether an argument is named as data are that a subject is called with."""
    whole = name.lower()
    return is_context(name) or is_targets(name) or whole in _INPUTS or whole in _LABELS


def is_way(name: str) -> bool:
    """Whether an argument is named as a number of classes is."""
    return any(part in ("way", "ways", "classes") for part in parts(name))


def is_shot(name: str) -> bool:
    """Whether an argument is named as a number of items a class is."""
    return any(part in ("shot", "shots") for part in parts(name))


def fills(name: str) -> bool:
    """Whether it is known what an argument of this name is built with."""
    known = (_WAY, _SHOT, _CHANNELS, _FEATURES, _HIDDEN, _MODELS, ("seed", "shape", "device"))
    return any(_has(name, words) for words in known)


def filling(name: str, way: int, shot: int, shape: tuple[int, ...]) -> Any:
    """What an argument of this name is given."""
    if _has(name, _MODELS):
        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), _HIDDEN_UNITS))
    sizes = (
        (is_way(name), way),
        (is_shot(name), shot),
        (_has(name, ("shape",)), shape),
        (_has(name, ("seed",)), 0),
        (_has(name, ("device",)), "cpu"),
        (_has(name, _HIDDEN), _HIDDEN_UNITS),
        (_has(name, _CHANNELS), shape[0] if shape else 1),
        (_has(name, ("out", "outputs", "labels")), way),
        (_has(name, _FEATURES), math.prod(shape)),
    )
    return next((value for applies, value in sizes if applies), way)
