"""Every figure of docs/metrics.md as a pure function: trades, streaks, intervals, series, flows, excursions."""
