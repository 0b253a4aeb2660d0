"""Subjects: from a SPEC to something that laws can be asked of."""

from tnverify.subjects.adapters import ADAPTERS, Adapter
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.recipe import RecipeError, SubjectRecipe
from tnverify.subjects.resolve import from_factory, from_fault, resolve
from tnverify.subjects.spec import Unusable
from tnverify.subjects.subject import Factory, Subject

__all__ = [
    "ADAPTERS",
    "Adapter",
    "Factory",
    "RecipeError",
    "Subject",
    "SubjectProber",
    "SubjectRecipe",
    "Unusable",
    "from_factory",
    "from_fault",
    "resolve",
]
