"""`dataset_spec.json` of Meta-Dataset: which classes each split has, and how many images each.

Three kinds exist. A plain specification counts the classes of each split; class numbers run on
from training to validation to test. A bi-level one (Omniglot) counts superclasses instead, and
the classes in each. A hierarchical one (ImageNet) has a graph of the ontology for each split,
whose leaves are the classes. (Triantafillou et al. 2020, and the code published with it.)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .dataset import SPLITS, Groups
from .errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

FILE = "dataset_spec.json"

_SPLIT_KEYS = {"train": "TRAIN", "validation": "VALID", "test": "TEST"}
_PATTERNS = ("{}.tfrecords", "{}_{}.tfrecords")
_FEWEST, _MOST = 5, 392
"""Leaves that an internal node may span for tasks to be drawn from it."""


@dataclass(frozen=True, eq=False)
class SplitSpec:
    """The classes of a split by their numbers in the data set, and which belong together."""

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    groups: Groups | None


@dataclass(frozen=True, eq=False)
class Spec:
    """A data set of Meta-Dataset: its splits that have classes, and how its files are named."""

    name: str
    file_pattern: str
    splits: dict[str, SplitSpec]


def read_spec(path: Path) -> Spec:
    """The specification in a file. Raises `DataError` naming it where something is amiss."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error})") from error
    try:
        spec = _spec(given)
    except KeyError as error:
        raise DataError(f"{path}: {error} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: {error}") from error
    if not spec.splits:
        raise DataError(f"{path}: no split has a class")
    return spec


def _spec(given: Any) -> Spec:
    readers = {
        "DatasetSpecification": _plain,
        "BiLevelDatasetSpecification": _bi_level,
        "HierarchicalDatasetSpecification": _hierarchical,
    }
    kind = given["__class__"]
    if kind not in readers:
        raise ValueError(f"unknown kind of specification {kind!r}")
    pattern = given["file_pattern"]
    if pattern not in _PATTERNS:
        raise ValueError(f"file_pattern {pattern!r} is none of {', '.join(_PATTERNS)}")
    splits = readers[kind](given)
    return Spec(str(given["name"]), pattern, {s: c for s, c in splits.items() if c.numbers})


def _plain(given: Any) -> dict[str, SplitSpec]:
    counts = given["classes_per_split"]
    found, first = {}, 0
    for split in SPLITS:
        last = first + int(counts[_SPLIT_KEYS[split]])
        found[split] = _counted(given, range(first, last), None)
        first = last
    return found


def _bi_level(given: Any) -> dict[str, SplitSpec]:
    counts = given["superclasses_per_split"]
    inside = {int(k): int(v) for k, v in given["classes_per_superclass"].items()}
    names = {int(k): str(v) for k, v in given["superclass_names"].items()}
    found, superclass, number = {}, 0, 0
    for split in SPLITS:
        first, members, called = number, [], []
        for _ in range(int(counts[_SPLIT_KEYS[split]])):
            members.append(np.arange(number - first, number - first + inside[superclass]))
            called.append(names.get(superclass, str(superclass)))
            number += inside[superclass]
            superclass += 1
        groups = Groups(tuple(called), tuple(members)) if members else None
        found[split] = _counted(given, range(first, number), groups)
    return found


def _counted(given: Any, numbers: range, groups: Groups | None) -> SplitSpec:
    """Classes whose numbers of images stand under `images_per_class`, by number.

    A class that has pools (images to train and to test on, counted apart) has all of them.
    """
    sizes = []
    for number in numbers:
        size = given["images_per_class"][str(number)]
        sizes.append(sum(map(int, size.values())) if isinstance(size, dict) else int(size))
    names = tuple(str(given["class_names"][str(number)]) for number in numbers)
    return SplitSpec(tuple(numbers), names, tuple(sizes), groups)


def _hierarchical(given: Any) -> dict[str, SplitSpec]:
    numbers_by_name = {str(name): int(k) for k, name in given["class_names"].items()}
    found = {}
    for split in SPLITS:
        key = _SPLIT_KEYS[split]
        children = {n["wn_id"]: tuple(n["children_ids"]) for n in given["split_subgraphs"][key]}
        leaves = [name for name, below in children.items() if not below]
        leaves.sort(key=lambda name: numbers_by_name[name])
        at = {name: i for i, name in enumerate(leaves)}
        spans = {
            name: [at[leaf] for leaf in sorted(_spanned(name, children))]
            for name, below in sorted(children.items())
            if below
        }
        eligible = {name: span for name, span in spans.items() if _FEWEST <= len(span) <= _MOST}
        groups = Groups(
            tuple(eligible), tuple(np.array(s, dtype=np.int64) for s in eligible.values()), True
        )
        counts = given["images_per_class"][key]
        found[split] = SplitSpec(
            tuple(numbers_by_name[name] for name in leaves),
            tuple(leaves),
            tuple(int(counts[name]) for name in leaves),
            groups if eligible else None,
        )
    return found


def _spanned(root: str, children: dict[str, tuple[str, ...]]) -> set[str]:
    """The leaves that can be reached from a node; a node may have several parents."""
    reached, waiting, leaves = {root}, [root], set()
    while waiting:
        below = children[waiting.pop()]
        for child in below:
            if child in reached:
                continue
            reached.add(child)
            waiting.append(child)
            if not children[child]:
                leaves.add(child)
    return leaves
