"""Pages: each view reads through selectors and makes one call into the services."""
