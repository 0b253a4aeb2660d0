"""From a subject that was measured to the recipe that builds it, and back: nothing is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.limits import OnlyWidth
from tnverify.contract.surroundings import kept
from tnverify.subjects.adapters.base import Adapter
from tnverify.subjects.handles import Handles
from tnverify.subjects.recipe import Found
from tnverify.subjects.resolve import find_adapter
from tnverify.subjects.sources import source_of
from tnverify.subjects.starting import FirstInstances
from tnverify.subjects.subject import Factory, Subject

if TYPE_CHECKING:
    from tnverify.subjects.recipe import SubjectRecipe


def with_found(recipe: SubjectRecipe, subject: Subject) -> SubjectRecipe:
    """The recipe with all that was found out about its subject."""
    step = subject.channel_step
    found = Found(
        adapter=subject.adapter.name,
        claims=str(subject.claims),
        handles=dict(subject.handles.paths),
        rank=subject.rank,
        channel_step=int(step),
        one_width=isinstance(step, OnlyWidth),
        one_shape=step.spatial if isinstance(step, OnlyWidth) else None,
        dtype=str(subject.native).removeprefix("torch."),
        has_float64=subject.has_float64,
        eps=subject.eps,
        eps_of_dtype=subject.eps_of_dtype,
        lazy=subject.lazy,
        unseeded=subject.factory.first is not None,
        limits=subject.limits,
        device=str(subject.device),
    )
    return replace(recipe, found=found)


def rebuilt(recipe: SubjectRecipe, found: Found, device: str | None = None) -> Subject:
    """The subject of a recipe, as it was found. Raises Unusable where nothing is named."""
    with kept():
        spec = recipe.parsed()
        source = source_of(spec)
    given = recipe.driven_by
    only = OnlyWidth(found.channel_step, found.one_shape) if found.one_width else None
    factory = Factory(
        call=source.call,
        spec=spec,
        setup=recipe.setup,
        first=FirstInstances() if found.unseeded else None,
        only=only,
        told=source.takes_channels,
    )
    return Subject(
        name=recipe.spec,
        factory=factory,
        adapter=given if isinstance(given, Adapter) else find_adapter(found.adapter),
        claims=recipe.held_to,
        handles=Handles(tuple(sorted(found.handles.items()))),
        rank=found.rank,
        channel_step=only or found.channel_step,
        native=getattr(torch, found.dtype),
        has_float64=found.has_float64,
        device=torch.device(device or found.device),
        eps=found.eps,
        lazy=found.lazy,
        eps_of_dtype=found.eps_of_dtype,
        given_handles=dict(recipe.handles),
        limits=found.limits,
    )
