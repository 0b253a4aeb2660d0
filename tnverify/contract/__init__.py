"""What a layer promises and what a law may ask of it.

The words are those of the field: a *task* has a *context* set and a *target* set; a norm is
*conditioned* on the context and then normalises targets; its *claims* say whose values its
outputs may read. Nothing here knows of Hypothesis, of the engine or of any particular layer.
"""

from tnverify.contract.claims import (
    MODIFIERS,
    SCHEMES,
    Claims,
    ClaimsError,
    Reads,
    Scheme,
    parse_claims,
)
from tnverify.contract.draw import Draw
from tnverify.contract.limits import Limits
from tnverify.contract.norm import Norm, Observer, Padded, Probe, Prober, Run
from tnverify.contract.outcomes import NotClaimed, SaysNothing, SubjectRaised, Violation
from tnverify.contract.task import Parameters, Task

__all__ = [
    "MODIFIERS",
    "SCHEMES",
    "Claims",
    "ClaimsError",
    "Draw",
    "Limits",
    "Norm",
    "NotClaimed",
    "Observer",
    "Padded",
    "Parameters",
    "Probe",
    "Prober",
    "Reads",
    "Run",
    "SaysNothing",
    "Scheme",
    "SubjectRaised",
    "Task",
    "Violation",
    "parse_claims",
]
