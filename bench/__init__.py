"""Benchmarks: ratios to a limit or a peer measured in the same run, each beside its goal."""
