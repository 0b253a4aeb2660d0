"""What counts as a layer that refuses a form of input, and what as one that breaks.

Ordinary input must be answered. Input with an edge (one item, one pixel, a layout, ...) may be
refused: that says nothing of other laws, which go on with what the layer takes. The laws that ask
about the edge blame a layer that stumbles there and never meant to refuse.
"""

from __future__ import annotations

import linecache
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.contract.task import uniforms
from tnverify.subjects.guard import Hang, calling, time_limit
from tnverify.subjects.ordinary import ordinary_tasks
from tnverify.subjects.prober import SubjectProber

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.catalogue.laws import Edge, Law
    from tnverify.contract.task import Task
    from tnverify.subjects.subject import Subject


def is_refusal(raised: SubjectRaised, law: Law, subject: Subject, task: Task) -> bool:
    """Whether the subject refuses the form of what it was given, whatever the values are.

    False for ordinary input, for an error in backward, and where the law asks about an edge on
    which the layer raises by accident.
    """
    if raised.during == "backward" or not isinstance(raised.error, Exception):
        return False
    if raised.during == "build":
        return task.channels % subject.channel_step != 0
    edges = _edges_met(raised, subject, task)
    if not edges or not _refuses_plain_values(raised, subject, task):
        return False
    if raised.during == "observe" and not _observes_ordinary_tasks(subject):
        return False
    return not edges & set(law.edges) or _is_meant(raised.error)


def _edges_met(raised: SubjectRaised, subject: Subject, task: Task) -> set[Edge]:
    """The edges of all that the layer had been given when it raised."""
    if raised.during == "observe":
        given = [values for sets in task.past for values in sets]
    else:
        context = raised.probe.last_context
        given = [raised.given] if context is None else [raised.given, context]
    return {edge for x in given for edge in edges_of(x, subject)}


def edges_of(x: Tensor, subject: Subject) -> set[Edge]:
    """What is not ordinary about a set; empty for an even number of items on maps of at least 2
    by 2, of two channels or more, laid out as torch lays out new tensors."""
    items, channels, *spatial = x.shape
    edges: set[Edge] = set()
    if items < 2:
        edges.add("one_item" if items else "no_items")
    elif items % 2:
        edges.add("odd_items")
    if channels < 2:
        edges.add("one_channel")
    if spatial and all(size == 1 for size in spatial):
        edges.add("one_pixel")
    elif any(size < 2 for size in spatial):
        edges.add("one_row")
    if len(spatial) != subject.rank:
        edges.add("rank")
    if not subject.limits.admit(x.shape):
        edges.add("size")
    if not x.is_contiguous() or x.storage_offset():
        edges.add("layout")
    if x.dtype not in (torch.float64, subject.native):
        edges.add("dtype")
    return edges


def _is_meant(error: BaseException) -> bool:
    """Whether the error was raised by a statement that says so, in Python: raise or assert.

    Where an operation raised it, the layer stumbled.
    """
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    line = linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    return line.strip().startswith(("raise", "assert"))


def _refuses_plain_values(raised: SubjectRaised, subject: Subject, task: Task) -> bool:
    """Whether a fresh instance refuses plain values of the same form as well."""
    past = tuple((_plain(context), _plain(targets)) for context, targets in task.past)
    try:
        with time_limit(), torch.no_grad():
            probe = SubjectProber(subject).fresh(replace(task, past=past))
            if raised.during == "observe":
                return False
            context = raised.probe.last_context
            with calling(raised.during):
                if raised.during == "condition" or context is None:
                    probe.norm.condition(_plain(raised.given))
                else:
                    _, state = probe.norm.condition(_plain(context))
                    probe.norm.normalize(_plain(raised.given), state)
    except (SubjectRaised, Hang):
        return True
    return False


def _observes_ordinary_tasks(subject: Subject) -> bool:
    task = ordinary_tasks(subject)[0]
    try:
        with time_limit():
            SubjectProber(subject).fresh(replace(task, past=((task.context, task.targets),)))
    except (SubjectRaised, Hang):
        return False
    return True


def _plain(x: Tensor) -> Tensor:
    """Plain values with the shape, strides, dtype and device of `x`."""
    plain = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device=x.device)
    drawn = torch.from_numpy(uniforms(tuple(x.shape)) * 4 - 2)
    if 0 in x.stride():
        once = tuple(slice(1) if step == 0 else slice(None) for step in x.stride())
        return drawn[once].to(x).expand_as(x)
    return plain.copy_(drawn)
