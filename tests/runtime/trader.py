"""Makes a trader with a connection to the exchange of a desk: `python -m tests.runtime.trader [NAME]` answers JSON."""

import json
import sys


def main() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.utils import timezone

    from accounts.models import RiskPolicy, User
    from accounts.services.tokens import token_create
    from brokers.models import AccountSnapshot
    from brokers.registry import adapter_for
    from tests.factories import make_account, make_connection

    now, name = timezone.now(), (sys.argv[1:] or ["trader"])[0]
    user = User.objects.create_user(name, f"{name}@example.com", "a long password of nobody")
    account = make_account(user, "Desk", broker="simulator", account_type="paper", starting_balance="100000.00")
    # No limit refuses what an alarm needs.
    RiskPolicy.objects.filter(pk=account.pk).update(
        max_position_percent=100, max_open_risk_percent=None, max_orders_per_minute=None, max_open_positions=None,
        max_daily_loss_percent=None, max_weekly_loss_percent=None, price_collar_percent=None,
    )  # fmt: skip
    keys = {"api_key": settings.SIMULATOR_API_KEY, "secret_key": settings.SIMULATOR_SECRET_KEY}
    connection = make_connection(account, keys=keys, journal_since=now)
    report = adapter_for(connection).account()
    connection.broker_account_id = report.broker_account_id
    connection.save()
    AccountSnapshot.objects.create(
        connection=connection, at=now, equity=report.equity, cash=report.cash, buying_power=report.buying_power
    )
    _, token = token_create(user=user, name="Desk", scope="trade", now=now)
    made = {"user": str(user.pk), "account": str(account.pk), "connection": str(connection.pk), "token": token}
    json.dump(made, sys.stdout)


if __name__ == "__main__":
    main()
