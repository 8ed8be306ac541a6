"""New migrations leave the previous version working: it reads and writes the new schema while both are running.

Allowed: new tables, new columns that are empty or have a default in the database, new indexes. What takes something
away or changes its kind comes a release later, when nobody uses it any more (docs/deploy.md, "A new version").
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("accounts", "brokers", "trades")
# The last migrations of the version before the rule; those after them keep to it.
BEFORE = {"accounts": "0005_webhooks", "brokers": "0003_position_events", "trades": "0006_events_of_many"}
TAKING_AWAY = (
    migrations.RemoveField,
    migrations.RenameField,
    migrations.RenameModel,
    migrations.DeleteModel,
    migrations.AlterModelTable,
    migrations.AlterUniqueTogether,
)
# Tables that grow without end: an index or a constraint made in the usual way would keep their writers waiting.
LARGE = {
    "accounts": {"event", "notification", "webhookdelivery", "idempotencykey"},
    "brokers": {"bar", "quote", "accountsnapshot", "seriesbar"},
    "trades": {"fill", "order", "orderevent", "trade", "auditentry"},
}
# Made in the usual way all the same, with the reason.
DOCUMENTED: dict[tuple[str, str], str] = {
    ("trades.0007_evidence", "orders_ended_oddly"): "partial, over few rows; orders are written again within seconds",
}


def new_migrations() -> Iterator[tuple[str, str, migrations.Migration]]:
    for app in APPS:
        for path in sorted((ROOT / app / "migrations").glob("0*.py")):
            if path.stem > BEFORE[app]:
                yield app, path.stem, import_module(f"{app}.migrations.{path.stem}").Migration


NEW = list(new_migrations())


def faults(app: str, name: str, operations: list[Operation]) -> list[str]:
    """What would trouble the previous version, or whoever writes while it is applied."""
    made = {one.name.lower() for one in operations if isinstance(one, migrations.CreateModel)}
    found = []
    for one in operations:
        if getattr(one, "model_name", "").lower() in made:
            continue
        fault = next((said for rule in RULES if (said := rule(app, one))), "")
        if fault and (f"{app}.{name}", _named(one)) not in DOCUMENTED:
            found.append(f"{one.describe()}: {fault}")
    return found


def _named(one: Operation) -> str:
    part = getattr(one, "index", None) or getattr(one, "constraint", None)
    return getattr(part, "name", None) or getattr(one, "name", "")


def _taken_away(app: str, one: Operation) -> str:
    return "the previous version still uses it" if isinstance(one, TAKING_AWAY) else ""


def _not_null(app: str, one: Operation) -> str:
    if not isinstance(one, migrations.AddField) or one.field.many_to_many or one.field.null:
        return ""
    has_default = one.field.db_default is not NOT_PROVIDED or isinstance(one.field, models.GeneratedField)
    return "" if has_default else "the previous version inserts rows without it: give it a db_default"


def _altered(app: str, one: Operation) -> str:
    return "say here that it changes no type and takes no value away" if isinstance(one, migrations.AlterField) else ""


def _locks(app: str, one: Operation) -> str:
    is_lock = isinstance(one, (migrations.AddIndex, migrations.AddConstraint))
    if not is_lock or isinstance(one, AddIndexConcurrently) or one.model_name.lower() not in LARGE[app]:
        return ""
    return "it locks a large table: AddIndexConcurrently, NOT VALID, or a reason"


RULES = (_taken_away, _not_null, _altered, _locks)


@pytest.mark.parametrize(("app", "name", "migration"), NEW, ids=[f"{app}.{name}" for app, name, _ in NEW])
def test_a_new_migration_leaves_the_previous_version_working(app: str, name: str, migration: Any) -> None:
    assert faults(app, name, migration.operations) == []


@pytest.mark.parametrize("app", APPS)
def test_the_rule_begins_after_a_migration_that_exists(app: str) -> None:
    assert (ROOT / app / "migrations" / f"{BEFORE[app]}.py").is_file()


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        (migrations.RemoveField("order", "symbol"), "still uses it"),
        (migrations.RenameField("order", "symbol", "ticker"), "still uses it"),
        (migrations.RenameModel("Order", "Ticket"), "still uses it"),
        (migrations.DeleteModel("Order"), "still uses it"),
        (migrations.AddField("order", "venue", models.CharField(default="")), "give it a db_default"),
        (migrations.AlterField("order", "symbol", models.TextField()), "changes no type"),
        (migrations.AddIndex("order", models.Index(fields=["venue"], name="by_venue")), "locks a large table"),
    ],
)
def test_what_would_trouble_the_previous_version_is_found(operation: Operation, says: str) -> None:
    (fault,) = faults("trades", "9999_new", [operation])
    assert says in fault


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("order", "venue", models.CharField(null=True)),
        migrations.AddField("order", "venue", models.CharField(db_default="")),
        migrations.AddIndex("setup", models.Index(fields=["venue"], name="by_venue")),
        AddIndexConcurrently("order", models.Index(fields=["venue"], name="by_venue")),
    ],
)
def test_what_it_does_not_notice_is_allowed(operation: Operation) -> None:
    assert faults("trades", "9999_new", [operation]) == []
