"""Plans: small descriptions from which tasks are built, and the strategies that draw them."""

from tnverify.plans.plan import PROFILES, Plan
from tnverify.plans.strategies import corpus, plans

__all__ = ["PROFILES", "Plan", "corpus", "plans"]
