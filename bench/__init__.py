"""Benchmarks; each module is run by name, ``python -m bench.fit``."""
