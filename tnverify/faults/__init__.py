"""Planted faults: layers with one deliberate defect each, and the laws that must notice.

One module per family of laws, of the same name. They ship with the package because every run
wakes the suite with some of them: a suite that cannot see a known-bad layer says nothing.
"""

from tnverify.faults.fault import FAMILIES, Fault, all_faults, fault, faults_of

__all__ = ["FAMILIES", "Fault", "all_faults", "fault", "faults_of"]
