"""A demo trader with a year of trades, made by a seeded market: the same every time for the same last day."""
