"""The alerts ask for metrics that exist, and the runbook knows each of them."""

import re
from pathlib import Path

import pytest

from brokers.rate_limits import Priority
from tests.trenddojo.alert_kit import ALERTS, Between, rules, scrape_of
from trenddojo.domain.order_state import OrderState
from trenddojo.health import QUEUES
from trenddojo.measures import MEASURES
from trenddojo.metrics import GAUGES, HEARTBEATS, PARTS

RUNBOOK = ALERTS.parent.parent / "runbook.md"
NAMES = sorted(rules())
# What Prometheus itself says of a target.
PROMETHEUS = {"up": {"job"}}
WORDS = {
    "part": {name for name, _ in PARTS},
    "process": set(HEARTBEATS),
    "queue": set(QUEUES),
    "state": set(OrderState),
    "priority": set(Priority),
    "stat": {"max", "p95"},
    "outcome": {"failed", "OutcomeUnknown", "unexpected"},
    "status": {"needs_attention", "5.."},
    "job": {"trenddojo"},
    "route": {"trenddojo:metrics"},
}


def labels_of(name: str) -> set[str]:
    if name in PROMETHEUS:
        return PROMETHEUS[name]
    if name in GAUGES:
        return set(GAUGES[name][1])
    measure = MEASURES[name.removesuffix("_bucket")]
    assert bool(measure.bounds) == name.endswith("_bucket")
    return set(measure.labels) | ({"le"} if measure.bounds else set())


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_asks_for_metrics_labels_and_values_that_exist(name: str) -> None:
    expression = rules()[name]["expr"]
    asked = re.findall(r"\b(up|trenddojo_[a-z_]+)(?:\{([^}]*)\})?", expression)

    assert asked
    for metric, conditions in asked:
        known = labels_of(metric)
        for label, values in re.findall(r'(\w+)(?:=~|!=|=)"([^"]*)"', conditions):
            assert label in known
            assert set(values.split("|")) <= WORDS[label]
    by = {label for found in re.findall(r"by \(([a-z, ]+)\)", expression) for label in found.split(", ")}
    assert by <= {label for metric, _ in asked for label in labels_of(metric)}


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_says_how_urgent_it_is_and_stands_in_the_runbook(name: str) -> None:
    rule, headings = rules()[name], re.findall(r"^### (\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)

    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert name in headings


def test_the_runbook_knows_no_alert_that_is_not_there() -> None:
    assert set(re.findall(r"^### (\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_expression_can_be_asked_and_is_false_of_a_desk_without_anything(name: str) -> None:
    assert not Between(scrape_of(""), scrape_of("")).is_true(rules()[name]["expr"])


def test_rules_lie_where_the_documents_say() -> None:
    assert ALERTS.relative_to(Path(__file__).resolve().parent.parent.parent).as_posix() == "docs/prometheus/alerts.yml"
    assert "prometheus/alerts.yml" in RUNBOOK.read_text(encoding="utf-8")
