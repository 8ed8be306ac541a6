"""``make scale``: what a connection costs, and the schedule of many of them played through. Writes docs/scale.md."""
