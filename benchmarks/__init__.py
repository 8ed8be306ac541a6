"""``make bench``: how fast the desk is, and whether it stays so. Writes docs/benchmarks.md."""
