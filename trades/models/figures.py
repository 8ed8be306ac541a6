"""Sums kept as trades change, so that no page has to read every trade.

Money sums are exact decimals: adding and taking away the same trade leaves no trace.
Written only by ``trades.services.figures``; ``manage.py rebuild_figures`` makes them anew.
"""

from django.conf import settings
from django.db import models

from accounts.models import TradingAccount

SUM = {"max_digits": 24, "decimal_places": 2, "default": 0}
SUM_R = {"max_digits": 24, "decimal_places": 4, "default": 0}
SUM_R_SQUARES = {"max_digits": 32, "decimal_places": 8, "default": 0}


class FigureTotal(models.Model):
    """Totals over the complete closed trades of an account that share a key of a dimension.

    Dimensions: all, setup, tag, symbol, direction, weekday, hour, holding, month, override,
    r (buckets of R, for the distribution and the bootstrap).
    """

    account = models.ForeignKey(TradingAccount, on_delete=models.CASCADE, related_name="figure_totals")
    dimension = models.CharField(max_length=12)
    key = models.CharField(max_length=64, blank=True)
    n = models.IntegerField(default=0)
    wins = models.IntegerField(default=0)
    losses = models.IntegerField(default=0)
    break_evens = models.IntegerField(default=0)
    sum_gross = models.DecimalField(**SUM)
    sum_costs = models.DecimalField(**SUM)
    sum_net = models.DecimalField(**SUM)
    sum_wins = models.DecimalField(**SUM)
    sum_losses = models.DecimalField(**SUM)
    r_n = models.IntegerField(default=0)
    r_sum = models.DecimalField(**SUM_R)
    r_sum_squares = models.DecimalField(**SUM_R_SQUARES)
    planned_r_n = models.IntegerField(default=0)
    planned_r_sum = models.DecimalField(**SUM_R)
    sum_holding_seconds = models.BigIntegerField(default=0)

    class Meta:
        db_table = "figure_totals"
        constraints = [models.UniqueConstraint(fields=["account", "dimension", "key"], name="figure_totals_unique")]

    def __str__(self) -> str:
        return f"{self.dimension} {self.key}"


class AccountDay(models.Model):
    """One trading session of an account in which something happened.

    ``realised_net`` counts every exit on its day, partial ones too; the trade counts belong
    to the day of the last exit. Flows are deposits (in) and withdrawals (out); income is
    dividends and interest less charges.
    """

    account = models.ForeignKey(TradingAccount, on_delete=models.CASCADE, related_name="account_days")
    day = models.DateField()
    realised_gross = models.DecimalField(**SUM)
    realised_costs = models.DecimalField(**SUM)
    realised_net = models.DecimalField(**SUM)
    deposits = models.DecimalField(**SUM)
    withdrawals = models.DecimalField(**SUM)
    income = models.DecimalField(**SUM)
    n = models.IntegerField(default=0)
    wins = models.IntegerField(default=0)
    losses = models.IntegerField(default=0)
    break_evens = models.IntegerField(default=0)
    closed_net = models.DecimalField(**SUM)
    r_n = models.IntegerField(default=0)
    r_sum = models.DecimalField(**SUM_R)

    class Meta:
        db_table = "account_days"
        constraints = [models.UniqueConstraint(fields=["account", "day"], name="account_days_unique")]

    def __str__(self) -> str:
        return self.day.isoformat()


class StreakDay(models.Model):
    """The runs of wins and losses inside one day, in a form that joins with its neighbours.

    ``account`` is null for the runs over all of an owner's accounts in a currency together.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="streak_days")
    account = models.ForeignKey(TradingAccount, on_delete=models.CASCADE, null=True, related_name="streak_days")
    currency = models.CharField(max_length=3)
    day = models.DateField()
    runs = models.JSONField(help_text="A StreakSummary of the domain.")

    class Meta:
        db_table = "streak_days"
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "account", "currency", "day"],
                name="streak_days_unique",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.day.isoformat()
