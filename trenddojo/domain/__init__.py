"""The rules of trading in plain Python: no Django, no clock, no I/O, no float for money."""
