"""``make load``: a desk at work for minutes, then more than it can do, then at work again. Writes docs/load.md."""
