"""The registry of laws: what a law is, and how catalogues are found."""

from tnverify.catalogue.laws import Law, LawFacts, law
from tnverify.catalogue.registry import Catalogue, CatalogueError, load_catalogue

__all__ = ["Catalogue", "CatalogueError", "Law", "LawFacts", "law", "load_catalogue"]
