"""How a subject is written down: one value that says how it is built and driven, and fits in JSON.

Reports, programs, waivers' witnesses, processes and mutants all carry it. What a user asks for is
a recipe in which nothing is found yet; what a run leaves is the same recipe with all that was found
out, by which the subject is built and driven exactly as the run did.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tnverify.contract.claims import parse_claims
from tnverify.contract.limits import Limits
from tnverify.keys import check_keys
from tnverify.subjects.adapters.base import Adapter
from tnverify.subjects.adapters.labelled import with_sides
from tnverify.subjects.spec import Spec, Unusable, parse_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tnverify.contract.claims import Claims
    from tnverify.subjects.subject import Subject


_NO_NUMBERS = ("nan", "inf", "infinity")


class RecipeError(ValueError):
    """A value that is no recipe; the message is one line."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out about a subject by building and calling it.

    `claims` are those that it is held to, `handles` the attribute paths of its parameters.
    `one_width` says that it takes no other number of channels than `channel_step`, `one_shape` the
    one shape of its maps. `unseeded` layers draw starting values that no seed repeats; `lazy` ones
    make parameters when they are first called.
    """

    adapter: str = "no_context"
    claims: str = "inductive"
    handles: dict[str, str] = field(default_factory=dict, hash=False)
    rank: int = 2
    channel_step: int = 1
    one_width: bool = False
    one_shape: tuple[int, ...] | None = None
    dtype: str = "float32"
    has_float64: bool = True
    eps: float = 1e-5
    eps_of_dtype: bool = False
    lazy: bool = False
    unseeded: bool = False
    limits: Limits = field(default_factory=Limits)
    device: str = "cpu"

    @property
    def lanes(self) -> tuple[str, ...]:
        """The precisions in which it is asked."""
        return lanes_of(self.has_float64, self.dtype == "float64")


def lanes_of(has_float64: bool, is_float64: bool) -> tuple[str, ...]:
    """The precisions in which a subject is asked: float64, and its own where that is another."""
    if is_float64:
        return ("float64",)
    return ("float64", "native") if has_float64 else ("native",)


@dataclass(frozen=True, slots=True)
class SubjectRecipe:
    """How a subject is built and driven; what is None, or empty, is found by trying.

    `spec` is the SPEC that names it, or, for an object that no name leads to, what it is called in
    reports. Such an object is carried in `live`, within this process and those that are forked
    from it; `code` is then Python that defines it as `the_layer`, as far as its source could be
    had, and `lacks` says what could not. An adapter that no name leads to is carried alike, with
    Python that defines it as `the_adapter`. A claim, an adapter or a handle that is given here was
    given by the user.
    """

    spec: str
    claims: str | None = None
    adapter: str | None = None
    handles: dict[str, str] = field(default_factory=dict, hash=False)
    setup: str | None = None
    limits: Limits = field(default_factory=Limits)
    found: Found | None = None
    code: str | None = field(default=None, repr=False)
    adapter_code: str | None = field(default=None, repr=False)
    lacks: tuple[str, ...] = ()
    live: Any = field(default=None, compare=False, repr=False)
    """Never written down, nor is the next."""
    live_adapter: Any = field(default=None, compare=False, repr=False)

    @property
    def is_named(self) -> bool:
        """Whether the SPEC leads to it in another process."""
        return self.code is None

    @property
    def held_to(self) -> Claims:
        """The claims that its subject is held to, once they are found."""
        found = self.found or Found()
        given = self.claims is not None and parse_claims(self.claims).variance_given
        claims = parse_claims(found.claims)
        return replace(claims, inferred=self.claims is None, variance_given=given)

    def parsed(self) -> Spec:
        """The SPEC, read. Raises Unusable where it names nothing."""
        if self.live is not None:
            name = getattr(self.live, "__qualname__", type(self.live).__name__)
            return Spec(self.spec, "", name.rpartition(".")[2], None, held=(self.live,))
        if not self.is_named:
            raise Unusable(
                f"{self.spec} was given as an object, to which no name leads: it can be built only"
                " where it is given again"
            )
        return parse_spec(self.spec)

    @property
    def driven_by(self) -> str | Adapter | None:
        """The adapter that was given: its name, or itself. Raises Unusable where it is gone."""
        if self.live_adapter is not None:
            wrap = self.live_adapter
            return Adapter(str(self.adapter), "a user's own", lambda layer: with_sides(wrap(layer)))
        if self.adapter_code is not None:
            raise Unusable(
                f"the adapter {self.adapter} was given as an object, to which no name leads: it can"
                " be taken only where it is given again"
            )
        return self.adapter

    def build(self, device: str | None = None) -> Subject:
        """The subject: as it was found to be, else found out now. Raises Unusable as `resolve`."""
        from tnverify.subjects.rebuilding import rebuilt
        from tnverify.subjects.resolve import resolve

        if self.found is None:
            return resolve(self, device or "cpu").subject
        return rebuilt(self, self.found, device)

    def kept(self) -> SubjectRecipe:
        """The recipe without the object itself: what a report keeps."""
        return replace(self, live=None, live_adapter=None)

    def portable(self) -> SubjectRecipe:
        """The recipe with files by paths from the directory at hand: no other names it."""
        found = self.found
        return replace(
            self,
            spec=_from_here(self.spec) if self.is_named else self.spec,
            adapter=None if self.adapter is None else _from_here(self.adapter),
            found=None if found is None else replace(found, adapter=_from_here(found.adapter)),
        )

    def found_from(self, folders: Sequence[Path]) -> SubjectRecipe:
        """The recipe with each file in the first of the folders that has it, where one has."""
        found = self.found
        return replace(
            self,
            spec=_in_one_of(folders, self.spec) if self.is_named else self.spec,
            adapter=None if self.adapter is None else _in_one_of(folders, self.adapter),
            found=None
            if found is None
            else replace(found, adapter=_in_one_of(folders, found.adapter)),
        )

    @property
    def slug(self) -> str:
        """A name for files, of its own for each subject: what it is called, and a few digits of
        how it is given."""
        called = re.sub(r"[^A-Za-z0-9_]+", "", self.spec.partition("(")[0].rpartition(":")[2])
        given = replace(self.kept(), found=None)
        text = json.dumps(given.as_json(), sort_keys=True, default=str)
        digits = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:6]
        return f"{called[:40] or 'layer'}-{digits}"

    def as_json(self) -> dict[str, Any]:
        """The recipe as JSON-ready values; what was not given is left out."""
        written: dict[str, Any] = _written(self.kept())
        if self.found is not None and not math.isfinite(self.found.eps):
            written["found"]["eps"] = str(self.found.eps)
        return written

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SubjectRecipe:
        """The recipe that `as_json` wrote. Raises RecipeError for what is none."""
        import msgspec

        _check_keys(data, cls, "a recipe", frozenset({"live", "live_adapter"}))
        _check_keys(data.get("found") or {}, Found, "found")
        for limited in (data, data.get("found") or {}):
            _check_keys(limited.get("limits") or {}, Limits, "limits")
        try:
            return msgspec.convert(_with_numbers(data), cls)
        except msgspec.ValidationError as error:
            raise RecipeError(f"no recipe of a subject: {error}") from None


def _with_numbers(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with an eps that JSON has no number for as the number that it is."""
    found = dict(data.get("found") or {})
    if isinstance(found.get("eps"), str) and found["eps"].lower().lstrip("-") in _NO_NUMBERS:
        return {**data, "found": found | {"eps": float(found["eps"])}}
    return dict(data)


def _written(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: _written(getattr(value, each.name))
            for each in fields(value)
            if isinstance(value, Found)
            or getattr(value, each.name) != _default(each.default, each.default_factory)
        }
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if hasattr(value, "items") else value


def _default(default: Any, factory: Callable[[], Any] | Any) -> Any:
    return factory() if default is MISSING and factory is not MISSING else default


def _check_keys(data: Any, kind: type, what: str, without: frozenset[str] = frozenset()) -> None:
    try:
        check_keys(data, (f.name for f in fields(kind) if f.name not in without), what)
    except ValueError as error:
        raise RecipeError(str(error)) from None


def _from_here(spec: str) -> str:
    """A SPEC that names a file by its path from the directory at hand."""

    def from_here(path: Path) -> Path:
        try:
            return Path(os.path.relpath(path))
        except ValueError:  # it lies on another drive
            return path

    return _with_file(spec, from_here)


def _in_one_of(folders: Sequence[Path], spec: str) -> str:
    """A SPEC with its file in the first folder that has it; as it is where none has."""

    def found(path: Path) -> Path:
        return next((folder / path for folder in folders if (folder / path).is_file()), path)

    return _with_file(spec, found)


def _with_file(spec: str, changed: Callable[[Path], Path]) -> str:
    named, parenthesis, arguments = spec.partition("(")
    name, colon, rest = named.rpartition(".py:")
    if not colon:
        return spec
    return f"{changed(Path(f'{name}.py')).as_posix()}:{rest}{parenthesis}{arguments}"
