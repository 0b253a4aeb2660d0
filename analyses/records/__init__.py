"""Records of trained runs: one JSON file each, and one npz for arrays, written once.

store = RecordStore(out / "records", code_version(["tnverify.analyses.learners"]))
name = store.name(configuration)
if store.find(name) is None:
    store.write(configuration, {"accuracy": 61.2}, {"tasks/accuracy": per_task})
found = scan(out / "records")          # found.records, and found.notes on what is damaged
rows_table(found.records, "tasks")     # a tidy frame; `export_csv` writes them all
"""

from tnverify.analyses.records.code_version import code_version
from tnverify.analyses.records.record import FINGERPRINTS, DamagedRecordError, Record
from tnverify.analyses.records.store import Note, RecordStore, Scan, scan
from tnverify.analyses.records.tidy import export_csv, groups, rows_table, runs_table

__all__ = [
    "FINGERPRINTS",
    "DamagedRecordError",
    "Note",
    "Record",
    "RecordStore",
    "Scan",
    "code_version",
    "export_csv",
    "groups",
    "rows_table",
    "runs_table",
    "scan",
]
