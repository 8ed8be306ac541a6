"""Typed text becomes values, or a sentence at its field."""
