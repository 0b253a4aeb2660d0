"""Reports of a run: JSON by `report.schema.json`, and text for a terminal.

Everything here turns the values of `tnverify.engine.results` into words; nothing here decides.
"""
