"""Everything that can be injected: imported for what its modules enter into the table."""

from tests.fault import us, weather, wire

__all__ = ["us", "weather", "wire"]
