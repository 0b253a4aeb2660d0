"""What each profile was measured to catch: figures that ship with the package.

`tnverify power --refresh` measures and keeps them; reports quote them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from tnverify.report.paths import write_atomically

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tnverify.power.census import Census
    from tnverify.power.standing import Standing

_FILE = "measured.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """The score of a profile, and the command that gave it.

    `caught` of `reachable` faults died, at the worst of `seeds` seeds; `planted` counts also those
    that this profile could not see on that machine. `laws` is the number of laws that were
    asked, `of` a digest of their names and the faults'. Where the whole matrix was made, `alone`
    has the faults that one law alone kills, by law, and `kills` the laws that kill a fault, by
    fault. `missed` names what lived at some seed or could not be seen; None where not kept.
    """

    profile: str
    command: str
    caught: int
    reachable: int
    planted: int
    laws: int
    seeds: int
    median_tasks: float
    of: str
    alone: Mapping[str, Sequence[str]]
    kills: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missed: Sequence[str] | None = None

    def caught_by(self, laws: Collection[str]) -> int | None:
        """How many planted faults these laws are there to catch, and the profile caught.

        A fault counts where one of the laws is declared to kill it; None where it was not kept
        which faults were caught.
        """
        from tnverify.faults import all_faults

        missed = self.missed
        if missed is None:
            if self.caught < self.reachable:
                return None
            missed = ()
        found = sum(f.name not in missed and bool(set(f.kills) & set(laws)) for f in all_faults())
        return min(found, self.caught)

    def like(self, laws: Collection[str]) -> tuple[str, ...]:
        """The planted faults that are killed by just these laws, by name."""
        return tuple(name for name, by in self.kills.items() if set(by) == set(laws))


def measured(profile: str) -> Measured | None:
    """What the profile was measured to catch; None where that was not done."""
    kept = _kept().get(profile)
    return None if kept is None else Measured(**kept)  # type: ignore[arg-type]  # keep wrote it


def _kept() -> dict[str, dict[str, object]]:
    file = files("tnverify.power").joinpath(_FILE)
    if not file.is_file():
        return {}
    kept: dict[str, dict[str, object]] = json.loads(file.read_text(encoding="utf-8"))
    return kept


def keep(census: Census) -> None:
    """Put a census of the whole zoo in the place of what was kept of its profile.

    Raises OSError where the package cannot be written to.
    """
    kept = _kept()
    kept[census.profile.name] = asdict(_measured(census))
    path = Path(str(files("tnverify.power").joinpath(_FILE)))
    write_atomically(path, json.dumps(kept, indent=1, sort_keys=True) + "\n")


def _measured(census: Census) -> Measured:
    from tnverify.power.score import score

    found = score(census.profile, census.rows)
    command = f"tnverify power --profile {census.profile.name} --seeds {len(census.seeds)}"
    first = f" --seed {census.seeds[0]}" if census.seeds[0] else ""
    where = "" if census.device == "cpu" else f" --device {census.device}"
    how = "" if census.matrix else " --no-matrix"
    return Measured(
        profile=census.profile.name,
        command=f"{command}{first}{where}{how} --refresh",
        caught=found.caught,
        reachable=found.reachable,
        planted=len(census.at(census.seeds[0])),
        laws=len(census.laws),
        seeds=len(census.seeds),
        median_tasks=found.median or 0.0,
        of=digest(census),
        alone={each.law: each.alone for each in _standings(census) if each.alone},
        kills={row.name: tuple(kill.law for kill in row.kills) for row in census.matrix},
        missed=tuple(sorted({*found.survivors, *(name for name, _ in found.out_of_reach)})),
    )


def _standings(census: Census) -> tuple[Standing, ...]:
    from tnverify.catalogue import load_catalogue
    from tnverify.power.standing import standings

    return standings(load_catalogue(), census.matrix) if census.matrix else ()


def digest(census: Census) -> str:
    """A digest of the names of the laws and the faults, to see that figures are out of date."""
    return digest_of(census.laws, [row.name for row in census.at(census.seeds[0])])


def digest_of(laws: tuple[str, ...], faults: list[str]) -> str:
    """A digest of these names, whatever their order."""
    names = "\n".join([*sorted(laws), "", *sorted(faults)])
    return hashlib.sha256(names.encode()).hexdigest()[:16]
