"""How many channels a layer can be built for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.contract.outcomes import SubjectRaised, first_line
from tnverify.subjects.building import build
from tnverify.subjects.spec import Unusable
from tnverify.subjects.widths import OnlyWidth

if TYPE_CHECKING:
    from tnverify.subjects.subject import Factory

_STEPS = (1, 2, 3, 4, 5, 6, 8, 16, 32, 64)


def channel_step(factory: Factory) -> int:
    """The smallest step of channels that the constructor takes (groups must divide them).

    Raises Unusable with the constructor's own words where it takes none.
    """
    if factory.fixed_channels is not None:
        return OnlyWidth(factory.fixed_channels)
    refusal: SubjectRaised | None = None
    for step in _STEPS:
        try:
            for channels in (step, 2 * step, 3 * step):
                build(factory, channels, (4, 4))
        except SubjectRaised as raised:
            refusal = refusal or raised
        else:
            return step
    assert refusal is not None
    error = refusal.error
    raise Unusable(
        f"the constructor does not take these arguments: {type(error).__name__}:"
        f" {first_line(error)}"
    )
