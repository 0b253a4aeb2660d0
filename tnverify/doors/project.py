"""A project's own settings: `[tool.tnverify]` of its pyproject.toml, and layers that installed
packages announce."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from tnverify.bad_input import BadInput
from tnverify.contract.limits import Limits
from tnverify.engine.check import check_subject
from tnverify.keys import check_keys
from tnverify.subjects.recipe import SubjectRecipe

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP = "tnverify.subjects"
"""The entry points by which a package announces its layers."""

FILE = Path("pyproject.toml")


class SubjectTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename="kebab"):
    """A layer: its SPEC, what it claims, how it is called, and the sizes that it takes."""

    spec: str
    claims: str | None = None
    adapter: str | None = None
    handles: dict[str, str] = {}
    setup: str | None = None
    channels: int | None = None
    rank: int | None = None
    shape: list[int] | None = None
    min_channels: int | None = None
    min_items: int | None = None
    min_side: int | None = None
    multiple_of: int | None = None

    def recipe(self) -> SubjectRecipe:
        """The recipe. Raises BadInput for a word that names nothing."""
        sizes = {name: getattr(self, name) for name in self.__struct_fields__[5:]}
        check_subject(claims=self.claims, adapter=self.adapter, handles=self.handles)
        limits = Limits.of(**sizes)
        return SubjectRecipe(self.spec, self.claims, self.adapter, self.handles, self.setup, limits)


class Project(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename="kebab"):
    """`[tool.tnverify]`: what `tnverify verify` without a SPEC does in a project.

    `reports` are written as FORM:FILE. `waivers` are read by `tnverify.engine.waivers`.
    """

    subjects: list[str | SubjectTable] = []
    profile: str = "default"
    seed: int = 0
    only: list[str] = []
    skip: list[str] = []
    device: str = "cpu"
    jobs: Annotated[int, msgspec.Meta(ge=1)] | Literal["auto"] = "auto"
    out: str = "tnverify-out"
    reports: list[str] = []
    waivers: list[dict[str, Any]] = []


def schema() -> dict[str, Any]:
    """The JSON schema of `[tool.tnverify]`: `project.schema.json` beside this file holds it."""
    return msgspec.json.schema(Project)


def read_project(file: Path = FILE) -> Project | None:
    """The settings in a pyproject.toml, None where it is not there or has none.

    Raises BadInput, naming the file and the key, for what cannot be read.
    """
    if not file.is_file():
        return None
    try:
        data = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: {error}") from None
    tool = data.get("tool", {})
    if not isinstance(tool, dict) or "tnverify" not in tool:
        return None
    found: Project = _read(tool["tnverify"], Project, f"{file}: tool.tnverify")
    return found


def recipes_of(project: Project, where: str = f"{FILE}: tool.tnverify") -> list[SubjectRecipe]:
    """The subjects of a project. Raises BadInput for words that name nothing, and for two subjects
    of one name."""
    return _recipes(project.subjects, f"{where}.subjects")


def installed() -> list[SubjectRecipe]:
    """The layers that installed packages announce: each entry point names a layer, or a list of
    SPECs and of tables as `[[tool.tnverify.subjects]]` has them.

    Raises BadInput where one does not import or announces something else, and where none does.
    """
    found: list[SubjectRecipe] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        where = f"the entry point {entry.name} ({entry.value})"
        try:
            announced = entry.load()
        except Exception as error:
            raise BadInput(f"{where}: {type(error).__name__}: {error}") from error
        if not isinstance(announced, list | tuple):
            announced = [entry.value.replace(" ", "")]
        tables = [
            each if isinstance(each, str) else _read(each, SubjectTable, f"{where}[{number}]")
            for number, each in enumerate(announced)
        ]
        found += _recipes(tables, where)
    if not found:
        raise BadInput(f"--installed: no package that is installed announces layers ({GROUP})")
    return found


def _recipes(tables: Sequence[str | SubjectTable], where: str) -> list[SubjectRecipe]:
    found: list[SubjectRecipe] = []
    for number, table in enumerate(tables):
        try:
            recipe = SubjectRecipe(table) if isinstance(table, str) else table.recipe()
        except ValueError as error:
            raise BadInput(f"{where}[{number}]: {error}") from None
        if any(recipe.spec == other.spec for other in found):
            raise BadInput(f"{where}[{number}]: two subjects are called {recipe.spec!r}")
        found.append(recipe)
    return found


def _read(data: Any, kind: type[Any], where: str) -> Any:
    """The table as a value of a kind. Raises BadInput, naming the key."""
    try:
        check_keys(data, kind.__struct_encode_fields__, where)
        if kind is Project and isinstance(data.get("subjects"), list):
            for number, each in enumerate(data["subjects"]):
                if isinstance(each, dict):
                    known = SubjectTable.__struct_encode_fields__
                    check_keys(each, known, f"{where}.subjects[{number}]")
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$")
        raise BadInput(f"{where}{place.rstrip('`')}: {said}") from None
    except ValueError as error:
        raise BadInput(str(error)) from None
