"""What a learner answers, as one tensor with a row a target."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAMES = ("logits", "scores", "probabilities", "probs", "predictions", "pred", "outputs", "output",
          "embeddings", "features", "last_hidden_state", "pooler_output")  # fmt: skip
"""Entries of a mapping that are taken for the prediction, the likeliest first."""


ROWLESS = "an answer to "
"""How what is said of an answer without a row a target begins."""


class NotRows(Exception):  # noqa: N818 - named for what it says of an answer
    """An answer without a row a target; the message says what came."""


def rows_of(answer: Any, count: int) -> Tensor:
    """Return the answer as a tensor of (count, ...). Raises NotRows where it has no such rows."""
    found = _tensor(answer, count)
    if found is None:
        raise NotRows(f"{ROWLESS}{count} targets that is {described(answer)}")
    if found.dim() == 0 or len(found) != count:
        if found.dim() > 1 and found.shape[0] == 1 and found.shape[1] == count:
            return found[0]  # a batch of one task
        raise NotRows(f"{ROWLESS}{count} targets of shape {_shape(found)}")
    return found


def has_rows(answer: Any, count: int) -> bool:
    """Whether the answer has a row a target."""
    try:
        rows_of(answer, count)
    except NotRows:
        return False
    return True


def described(answer: Any) -> str:
    """What an answer is, in a few words."""
    if isinstance(answer, Tensor | np.ndarray):
        return f"of shape {_shape(answer)}"
    if isinstance(answer, list | tuple):
        return f"a {type(answer).__name__} of {len(answer)}"
    return "nothing" if answer is None else f"a {type(answer).__name__}"


def _shape(found: Any) -> str:
    return f"({', '.join(map(str, found.shape))})"


def _tensor(answer: Any, count: int) -> Tensor | None:
    if isinstance(answer, Tensor):
        return answer
    if isinstance(answer, np.ndarray):
        return _of_array(answer)
    if hasattr(answer, "keys") and hasattr(answer, "__getitem__"):
        return _of_mapping(answer, count)
    if isinstance(answer, list | tuple):
        return _of_sequence(answer, count)
    if hasattr(answer, "to_numpy"):
        return _of_array(np.asarray(answer.to_numpy()))
    return torch.as_tensor(answer) if isinstance(answer, bool | int | float) else None


def _of_array(answer: np.ndarray[Any, Any]) -> Tensor | None:
    if answer.dtype.kind in "biuf":
        return torch.from_numpy(np.ascontiguousarray(answer).copy())
    if answer.dtype.kind in "USO":
        # Names of classes: equal names must become equal numbers, in whatever order they come.
        codes = [zlib.crc32(str(each).encode()) for each in answer.ravel()]
        return torch.tensor(codes, dtype=torch.long).reshape(answer.shape)
    return None


def _of_mapping(answer: Mapping[str, Any], count: int) -> Tensor | None:
    found = {name: _tensor(answer[name], count) for name in answer}
    ordered = [*(n for n in _NAMES if n in found), *(n for n in found if n not in _NAMES)]
    return _first(([found[name] for name in ordered]), count)


def _of_sequence(answer: Sequence[Any], count: int) -> Tensor | None:
    if answer and all(isinstance(each, str) for each in answer):
        return _of_array(np.array(answer, dtype=object))
    numbers = _of_numbers(answer)
    if numbers is not None:
        return numbers
    parts = [_tensor(each, count) for each in answer]
    if len(parts) == count and all(part is not None for part in parts):
        tensors = [part for part in parts if part is not None]
        if len({part.shape for part in tensors}) == 1:
            return torch.stack(tensors)
        return _padded(tensors)
    return _first(parts, count)


def _of_numbers(answer: Sequence[Any]) -> Tensor | None:
    """Numbers in lists, as they come from JSON; None where something else is among them."""
    if not answer or not isinstance(answer[0], bool | int | float | list | tuple):
        return None
    try:
        found = np.array(answer)
    except ValueError:  # of several lengths
        return None
    return _of_array(found) if found.dtype.kind in "biuf" else None


def _padded(parts: Sequence[Tensor]) -> Tensor | None:
    """Rows of several lengths as one tensor, with NaN behind the shorter ones."""
    if len({part.dim() for part in parts}) != 1 or parts[0].dim() == 0:
        return None
    sizes = torch.tensor([part.shape for part in parts]).max(0).values.tolist()
    found = torch.full((len(parts), *sizes), torch.nan, dtype=torch.float64)
    for row, part in zip(found, parts, strict=True):
        row[tuple(slice(size) for size in part.shape)] = part.detach().double()
    return found


def _first(parts: Sequence[Tensor | None], count: int) -> Tensor | None:
    """The first part with a row a target; else the first at all, to be told of."""
    tensors = [part for part in parts if part is not None]
    fitting = [part for part in tensors if part.dim() > 0 and len(part) == count]
    return next(iter(fitting or tensors), None)
