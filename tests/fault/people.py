"""Makes the traders of a lab in its database: `python -m tests.fault.people` reads their keys as JSON and answers JSON."""

import json
import sys
from typing import Any


def make(name: str, keys: dict[str, str]) -> dict[str, str]:
    """A trader with a paper account at the stand-in exchange, without limits that would refuse what a lab asks for."""
    from django.utils import timezone

    from accounts.models import RiskPolicy, User
    from accounts.services.tokens import token_create
    from brokers.models import AccountSnapshot
    from brokers.registry import adapter_for
    from tests.factories import make_account, make_connection

    password = f"a long password of {name}"
    user = User.objects.create_user(name, f"{name}@example.com", password)
    account = make_account(user, "Lab", broker="simulator", account_type="paper", starting_balance="100000000.00")
    RiskPolicy.objects.filter(pk=account.pk).update(
        max_position_percent=100, max_open_risk_percent=None, max_orders_per_minute=None, max_open_positions=None,
        max_daily_loss_percent=None, max_weekly_loss_percent=None, price_collar_percent=None,
    )  # fmt: skip
    now = timezone.now()
    connection = make_connection(account, keys=keys, journal_since=now)
    report = adapter_for(connection).account()
    connection.broker_account_id, connection.allows_shorts = report.broker_account_id, report.allows_shorts
    connection.save()
    AccountSnapshot.objects.create(
        connection=connection, at=now, equity=report.equity, cash=report.cash, buying_power=report.buying_power
    )
    _token, text = token_create(user=user, name="Lab", scope="trade", now=now)
    return {
        "name": name,
        "password": password,
        "token": text,
        "user": str(user.pk),
        "account": str(account.pk),
        "connection": str(connection.pk),
    }


def main() -> None:
    import django

    django.setup()
    given: list[dict[str, Any]] = json.load(sys.stdin)
    json.dump([make(one["name"], one["keys"]) for one in given], sys.stdout)


if __name__ == "__main__":
    main()
