"""Fills from a file: read, mapped, previewed, booked whole or not at all, undone."""
