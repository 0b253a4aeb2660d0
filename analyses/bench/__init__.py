"""Benchmarks of the analyses, wired into `python -m tnverify.bench`."""
