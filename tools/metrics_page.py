"""Writes docs/metrics.md from the table of definitions: `python -m tools.metrics_page`."""

from pathlib import Path

from trenddojo.domain.definitions_text import as_markdown

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"


def main() -> None:
    """Write the page."""
    PAGE.write_text(as_markdown(), encoding="utf-8")
    print(f"Wrote {PAGE}.")


if __name__ == "__main__":
    main()
