"""Reads: one module per thing a page needs."""
