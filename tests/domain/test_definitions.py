"""Every figure has one definition, and the documentation is that definition."""

from decimal import Decimal as D
from pathlib import Path

import pytest

from trenddojo.domain.definitions import DEFINITIONS, MANY_TRADES, ONE_ACCOUNT, ONE_TRADE, Definition
from trenddojo.domain.definitions_text import as_markdown
from trenddojo.domain.metrics.excursions import efficiencies
from trenddojo.domain.metrics.series import series_figures
from trenddojo.domain.metrics.streaks import StreakSummary
from trenddojo.domain.metrics.trades import TradeTotals, figures

ROOT = Path(__file__).resolve().parents[2]


def test_every_computed_figure_is_defined() -> None:
    computed = {
        *figures(TradeTotals(), StreakSummary()),
        *series_figures([]),
        *efficiencies(D(0), D(0), D(1)),
    }
    assert computed <= set(DEFINITIONS)


def test_every_figure_is_defined_once() -> None:
    assert len(DEFINITIONS) == len(ONE_TRADE) + len(MANY_TRADES) + len(ONE_ACCOUNT)
    assert len({definition.title for definition in DEFINITIONS.values()}) == len(DEFINITIONS)


@pytest.mark.parametrize("definition", DEFINITIONS.values(), ids=DEFINITIONS.keys())
def test_a_definition_is_whole(definition: Definition) -> None:
    assert DEFINITIONS[definition.key] is definition
    assert definition.title
    assert definition.formula
    assert definition.convention.endswith(".")


def test_the_documentation_is_the_table() -> None:
    written = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert written == as_markdown(), "Run python -m tools.metrics_page to write docs/metrics.md again."
