"""Asks docs/prometheus/alerts.yml about scrapes, as Prometheus would: the few shapes of expressions that are in it."""

import math
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

ALERTS = Path(__file__).resolve().parent.parent.parent / "docs" / "prometheus" / "alerts.yml"
SELECTOR = r"([a-z_]+)(?:\{([^}]*)\})?"
COMPARED = re.compile(r"(.*) (>|<|==) ([0-9.]+)")
QUANTILE = re.compile(rf"histogram_quantile\(([0-9.]+), sum by \(([a-z, ]+)\) \(rate\({SELECTOR}\[\w+\]\)\)\)")
SUMMED = re.compile(rf"sum(?: by \(([a-z, ]+)\) | *)\((?:(?:rate|increase)\({SELECTOR}\[\w+\]\)|{SELECTOR})\)")
PLAIN = re.compile(SELECTOR)
COMPARISONS: dict[str, Callable[[float, float], bool]] = {">": operator.gt, "<": operator.lt, "==": operator.eq}

Labels = frozenset[tuple[str, str]]
Values = dict[Labels, float]
Scrape = Mapping[str, Values]


@cache
def rules() -> dict[str, dict[str, Any]]:
    """The alerts by their names."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def scrape_of(text: str) -> Scrape:
    found: dict[str, Values] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name][frozenset(sample.labels.items())] = sample.value
    return found


@dataclass(frozen=True)
class Between:
    """Two scrapes: gauges are read from the later, counters as what came in between."""

    earlier: Scrape
    later: Scrape

    def firing(self, names: Iterable[str] | None = None) -> set[str]:
        """The alerts whose expression is true by now, however long it has to be."""
        return {name for name in names or rules() if self.is_true(rules()[name]["expr"])}

    def is_true(self, expression: str) -> bool:
        left, sign, right = _matched(COMPARED, expression)
        return any(COMPARISONS[sign](value, float(right)) for value in self._values(left).values())

    def _values(self, words: str) -> Values:
        if found := QUANTILE.fullmatch(words):
            share, by, name, labels = found.groups()
            return _quantiles(self._summed(by, self._came(name, labels)), float(share))
        if " / " in words:
            over, under = (self._values(part) for part in words.split(" / "))
            return {key: value / under[key] for key, value in over.items() if under.get(key)}
        if found := SUMMED.fullmatch(words):
            by, counted, labels, read, more = found.groups()
            return self._summed(by or "", self._came(counted, labels) if counted else self._read(read, more))
        return self._read(*_matched(PLAIN, words))

    def _read(self, name: str, labels: str | None) -> Values:
        wants = _wanted(labels)
        return {key: value for key, value in self.later.get(name, {}).items() if wants(dict(key))}

    def _came(self, name: str, labels: str | None) -> Values:
        before = self.earlier.get(name, {})
        return {key: value - before.get(key, 0) for key, value in self._read(name, labels).items()}

    def _summed(self, by: str, values: Values) -> Values:
        names, found = set(by.split(", ")), dict[Labels, float]()
        for key, value in values.items():
            kept = frozenset(pair for pair in key if pair[0] in names)
            found[kept] = found.get(kept, 0) + value
        return found


def _matched(pattern: re.Pattern[str], words: str) -> tuple[str, ...]:
    found = pattern.fullmatch(words)
    assert found, f"{words} has another shape than this kit knows"
    return found.groups()


def _wanted(labels: str | None) -> Callable[[dict[str, str]], bool]:
    tests = re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', labels or "")
    ways: dict[str, Callable[[str, str], bool]] = {
        "=": operator.eq,
        "!=": operator.ne,
        "=~": lambda value, wanted: re.fullmatch(wanted, value) is not None,
    }
    return lambda known: all(ways[sign](known.get(name, ""), value) for name, sign, value in tests)


def _quantiles(buckets: Values, share: float) -> Values:
    """The upper bound of the bucket in which the quantile lies: Prometheus draws a line through it."""
    series: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for key, value in buckets.items():
        bound = float(dict(key)["le"])
        series[frozenset(pair for pair in key if pair[0] != "le")].append((bound, value))
    return {key: _bound_of(sorted(rows), share) for key, rows in series.items() if max(rows)[1] > 0}


def _bound_of(rows: list[tuple[float, float]], share: float) -> float:
    total = rows[-1][1]
    found = next(place for place, (_, count) in enumerate(rows) if count >= share * total)
    bound = rows[found][0]
    # Beyond the last bound Prometheus answers that bound.
    return rows[found - 1][0] if math.isinf(bound) else bound
