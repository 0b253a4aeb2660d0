"""Benchmarks: `python -m tnverify.bench NAME`, each printing ratios taken in one run."""
