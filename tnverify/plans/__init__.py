"""Plans: small descriptions from which tasks are built, and the strategies that draw them."""

from tnverify.plans.plan import PROFILES, Plan

__all__ = ["PROFILES", "Plan"]
