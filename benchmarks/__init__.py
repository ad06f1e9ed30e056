"""Benchmarks of transfers, against the programs that people download with otherwise."""
