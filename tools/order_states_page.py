"""Writes the table of states into docs/orders.md from the table of transitions: `python -m tools.order_states_page`."""

import re
from collections import defaultdict
from pathlib import Path

from trenddojo.domain.order_state import TERMINAL, TRANSITIONS, OrderState

PAGE = Path(__file__).resolve().parent.parent / "docs" / "orders.md"
BLOCK = re.compile(r"(<!-- states: .*? -->\n).*?(\n<!-- /states -->)", re.DOTALL)


def states_table() -> str:
    """One row a state, with every way out of it: what happens, and where that leads."""
    rows = ["| state | what happens → where it leads |", "|---|---|"]
    for state in OrderState:
        ways: dict[str, list[str]] = defaultdict(list)
        for (start, fact), to in TRANSITIONS.items():
            if start is state:
                ways[to.value].append(fact.value.replace("_", " "))
        told = "; ".join(f"{', '.join(facts)} → `{to}`" for to, facts in ways.items())
        end = " (the end)" if state in TERMINAL else ""
        rows.append(f"| `{state.value}`{end} | {told or '–'} |")
    return "\n".join(rows)


def with_table(page: str) -> str:
    """The page with the table as it is now."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{states_table()}\n{found[2]}", page)


def main() -> None:
    """Write the page."""
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"Wrote {PAGE}.")


if __name__ == "__main__":
    main()
