"""Writes docs/broker-capabilities.md from the adapters' capability tables: `python -m tools.capabilities_page`."""

from pathlib import Path

from brokers.capabilities_text import as_markdown

PAGE = Path(__file__).resolve().parent.parent / "docs" / "broker-capabilities.md"


def main() -> None:
    """Write the page."""
    PAGE.write_text(as_markdown(), encoding="utf-8")
    print(f"Wrote {PAGE}.")


if __name__ == "__main__":
    main()
