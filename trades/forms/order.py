"""The order ticket: typed text becomes an OrderInput, or sentences at its fields. The account's broker decides what is
offered; what only some types need says so in its help, so that the form is complete without JavaScript."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms

from accounts.forms.fields import CreationForm, DecimalTextField
from accounts.models import TradingAccount
from brokers.base import Capabilities
from trades.execution.intents import OrderInput
from trades.forms.fields import MomentField, price_field, quantity_field
from trades.models import AssetClass, Side
from trenddojo.domain.orders import OrderClass, OrderType, StopLoss, TakeProfit, TimeInForce, class_with

TYPES = {
    OrderType.MARKET: "Market: at once, at the market price",
    OrderType.LIMIT: "Limit: at this price or better",
    OrderType.STOP: "Stop: at the market price once the stop is reached",
    OrderType.STOP_LIMIT: "Stop-limit: at the limit or better once the stop is reached",
    OrderType.TRAILING_STOP: "Trailing stop: the stop follows the price",
}
TIMES = {
    TimeInForce.DAY: "Day: until the close",
    TimeInForce.GTC: "Good till cancelled",
    TimeInForce.IOC: "Immediate or cancel: what can be filled at once",
    TimeInForce.FOK: "Fill or kill: all at once or nothing",
    TimeInForce.OPG: "Opening auction",
    TimeInForce.CLS: "Closing auction",
}
WITH_EXITS = frozenset({OrderClass.BRACKET, OrderClass.OTO})
# Fields of the ticket that only some types use; ticket.js hides the others.
USED_BY = {
    "limit_price": (OrderType.LIMIT, OrderType.STOP_LIMIT),
    "stop_price": (OrderType.STOP, OrderType.STOP_LIMIT),
    "trail_percent": (OrderType.TRAILING_STOP,),
    "trail_price": (OrderType.TRAILING_STOP,),
}


class OrderForm(CreationForm):
    """`accounts` are those whose broker takes orders; `capabilities` are those of the account that is chosen."""

    trade = forms.UUIDField(required=False, widget=forms.HiddenInput)
    account = forms.ChoiceField(error_messages={"invalid_choice": "Choose one of your connected accounts."})
    symbol = forms.CharField(
        max_length=32,
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Enter a symbol, such as AAPL."},
    )
    asset_class = forms.ChoiceField(label="Asset class", initial=AssetClass.STOCK)
    side = forms.ChoiceField(
        choices=Side.choices, widget=forms.RadioSelect, error_messages={"required": "Choose whether to buy or to sell."}
    )
    type = forms.ChoiceField(label="Order type", initial=OrderType.LIMIT)
    quantity = quantity_field(
        required=False, help_text="Empty with a protective stop: computed from your risk per trade."
    )
    limit_price = price_field("Limit price", required=False, help_text="For limit and stop-limit orders.")
    stop_price = price_field("Stop price", required=False, help_text="For stop and stop-limit orders.")
    trail_percent = DecimalTextField(
        label="Trails by", name="trailing percent", digits=3, places=2, required=False, help_text="For trailing stops."
    )
    trail_price = price_field(
        "Or by this much", noun="trailing amount", required=False, help_text="Instead of percent."
    )
    time_in_force = forms.ChoiceField(label="How long it works", initial=TimeInForce.DAY)
    extended_hours = forms.BooleanField(
        required=False, label="Also outside regular hours", help_text="For simple day limit orders."
    )
    stop_loss = price_field(
        "Protective stop", required=False, help_text="Worked by the broker once the order is filled."
    )
    stop_loss_limit = price_field(
        "Limit of the stop", required=False, help_text="Empty: the stop becomes a market order."
    )
    take_profit = price_field(
        "Target", required=False, help_text="Worked beside the stop; the first filled cancels the other."
    )
    is_oco = forms.BooleanField(
        required=False,
        label="Stop and target of what is already held",
        help_text="Sends only the two exits, of which one cancels the other (OCO). The type is not used then.",
    )
    send_before = MomentField(
        label="Do not send after",
        required=False,
        help_text="For an order that waits for the market to open. In your time zone.",
    )

    def __init__(
        self, *args: Any, accounts: Sequence[TradingAccount], capabilities: Capabilities | None, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.fields["account"].choices = [
            (str(account.pk), f"{account.name} ({account.currency}){_money(account)}") for account in accounts
        ]
        self.capabilities = capabilities
        if capabilities is None:
            return
        can = capabilities
        self._offer("type", [(kind.value, words) for kind, words in TYPES.items() if kind in can.order_types])
        self._offer("time_in_force", [(time.value, text) for time, text in TIMES.items() if time in can.times_in_force])
        classes = [choice for choice in AssetClass.choices if choice[0] in can.asset_classes]
        self._offer("asset_class", classes)
        self._leave_out(can)

    def _offer(self, name: str, choices: list[tuple[Any, str]]) -> None:
        field = self.fields[name]
        field.choices = choices
        field.error_messages["invalid_choice"] = "This broker does not take it: choose one of the list."
        if field.initial not in dict(choices) and choices:
            field.initial = choices[0][0]

    def _leave_out(self, can: Capabilities) -> None:
        """Fields the broker has no use for."""
        absent = []
        if not can.extended_hours:
            absent.append("extended_hours")
        if OrderClass.OCO not in can.order_classes:
            absent.append("is_oco")
        if not WITH_EXITS & can.order_classes and OrderClass.OCO not in can.order_classes:
            absent += ["stop_loss", "stop_loss_limit", "take_profit"]
        if not can.trails_by_price:
            absent.append("trail_price")
        for name, types in USED_BY.items():
            if not can.order_types & set(types):
                absent.append(name)
        for name in absent:
            self.fields.pop(name, None)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("quantity") is None and cleaned.get("stop_loss") is None and "quantity" not in self.errors:
            self.add_error("quantity", "Enter the quantity, or a protective stop to have it computed.")
        if cleaned.get("stop_loss_limit") is not None and cleaned.get("stop_loss") is None:
            self.add_error("stop_loss", "Enter the stop this limit belongs to.")
        return cleaned

    @property
    def order_class(self) -> OrderClass:
        return OrderClass.OCO if self.cleaned_data.get("is_oco") else class_with(self._stop, self._target)

    @property
    def _stop(self) -> StopLoss | None:
        price = self.cleaned_data.get("stop_loss")
        return None if price is None else StopLoss(price, self.cleaned_data.get("stop_loss_limit"))

    @property
    def _target(self) -> TakeProfit | None:
        price = self.cleaned_data.get("take_profit")
        return None if price is None else TakeProfit(price)

    def given(self) -> OrderInput:
        """What was typed; only where nothing is wrong, or nothing but the moment that is too late to send."""
        cleaned = self.cleaned_data
        is_oco = self.order_class is OrderClass.OCO
        return OrderInput(
            account_id=UUID(cleaned["account"]),
            symbol=cleaned["symbol"].strip().upper(),
            asset_class=cleaned["asset_class"],
            side=Side(cleaned["side"]),
            type=OrderType.LIMIT if is_oco else OrderType(cleaned["type"]),
            quantity=cleaned["quantity"],
            **{name: None if is_oco else cleaned.get(name) for name in USED_BY},
            time_in_force=TimeInForce(cleaned["time_in_force"]),
            extended_hours=bool(cleaned.get("extended_hours")),
            stop_loss=self._stop,
            take_profit=self._target,
            trade_id=cleaned.get("trade"),
            send_before=cleaned.get("send_before"),
            order_class=self.order_class,
        )


def _money(account: TradingAccount) -> str:
    return "" if account.connection.is_paper else ", live money"
