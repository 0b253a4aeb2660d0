"""pytest's door to the engine: `pytest --tnverify SPEC` gives one item per law."""
