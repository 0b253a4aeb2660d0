"""The registry of laws: what a law is, and how catalogues are found."""

from tnverify.catalogue.laws import Law, law
from tnverify.catalogue.registry import Catalogue, CatalogueError, load_catalogue

__all__ = ["Catalogue", "CatalogueError", "Law", "law", "load_catalogue"]
