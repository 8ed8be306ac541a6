"""What brokers call their columns and their sides: tables, no logic to speak of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

ROLES = {
    "executed_at": "Date or date and time",
    "time": "Time",
    "symbol": "Symbol",
    "side": "Side",
    "quantity": "Quantity",
    "price": "Price",
    "commission": "Commission",
    "fees": "Fees",
    "execution_id": "Execution id",
    "asset_class": "Asset class",
    "multiplier": "Multiplier",
    "currency": "Currency",
    "status": "Order status",
    "open_close": "Opens or closes",
}
REQUIRED = ("executed_at", "symbol", "quantity", "price")

TEMPLATE_HEADER = (
    "executed_at",
    "symbol",
    "side",
    "quantity",
    "price",
    "commission",
    "fees",
    "execution_id",
    "asset_class",
    "multiplier",
)
TEMPLATE_LINES = (
    ("2026-03-02 09:31:05", "AAPL", "buy", "100", "187.45", "1.00", "0", "", "stock", "1"),
    ("2026-03-02 10:12:40", "AAPL", "sell", "100", "189.10", "1.00", "0.02", "", "stock", "1"),
)

# Names as `plain_name` leaves them, the likeliest first.
NAMES: dict[str, tuple[str, ...]] = {
    "executed_at": (
        "executedat",
        "transactiontime",
        "datetime",
        "dateandtime",
        "executiontime",
        "exectime",
        "filledat",
        "filledtime",
        "filltime",
        "closingtime",
        "tradedatetime",
        "timestamp",
        "timeplaced",
        "tradedate",
        "date",
        "executiondate",
        "transactiondate",
        "activitydate",
        "rundate",
        "datum",
    ),
    "time": ("time", "tradetime", "timeofday", "zeit", "uhrzeit"),
    "symbol": ("symbol", "ticker", "instrument", "security", "contract", "stock", "underlying"),
    "side": ("side", "buysell", "action", "bs", "transactiontype", "transcode", "direction", "buyorsell", "type"),
    "quantity": (
        "quantity",
        "qty",
        "filledqty",
        "filledquantity",
        "execqty",
        "shares",
        "contracts",
        "size",
        "units",
        "volume",
        "filled",
        "menge",
    ),
    "price": (
        "price",
        "fillprice",
        "tradeprice",
        "tprice",
        "avgfillprice",
        "avgprice",
        "averageprice",
        "filledavgprice",
        "execprice",
        "executionprice",
        "priceshare",
        "pricepershare",
        "kurs",
        "preis",
    ),
    "commission": (
        "commission",
        "ibcommission",
        "commfee",
        "feescomm",
        "commissions",
        "comm",
        "commissionfees",
        "commfees",
        "brokercommission",
    ),
    "fees": ("fees", "fee", "regfee", "regfees", "regulatoryfees", "otherfees", "miscfees", "taxes", "charges"),
    "execution_id": (
        "executionid",
        "execid",
        "ibexecid",
        "tradeid",
        "fillid",
        "transactionid",
        "activityid",
        "id",
    ),
    "asset_class": ("assetclass", "assetcategory", "securitytype", "instrumenttype", "sectype", "assettype"),
    "multiplier": ("multiplier", "contractmultiplier", "pointvalue"),
    "currency": ("currency", "currencyprimary", "curr", "ccy", "tradecurrency"),
    "status": ("status", "orderstatus", "state"),
    "open_close": ("openclose", "opencloseindicator", "positioneffect", "code", "poseffect"),
}
_ROLE_OF = {name: role for role, names in reversed(NAMES.items()) for name in names}
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


def plain_name(name: str) -> str:
    """A column's name without spaces, capitals and punctuation: “Fees & Comm” is feescomm."""
    return _NOT_ALPHANUMERIC.sub("", name.lower())


def recognised_roles(cells: Sequence[str]) -> set[str]:
    """The roles whose usual names appear among the cells of a line."""
    return {_ROLE_OF[name] for cell in cells if (name := plain_name(cell)) in _ROLE_OF}


@dataclass(frozen=True, slots=True)
class BrokerFormat:
    """One export known by its column names, and how its values are to be read."""

    key: str
    title: str
    signature: frozenset[str]
    columns: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)


# A table of fills that is no known broker's export.
GENERIC = "generic"
FORMATS = (
    BrokerFormat(
        "alpaca",
        "Alpaca activities",
        frozenset({"activitytype", "transactiontime", "qty", "side", "symbol"}),
        {"execution_id": "id", "fees": "", "status": ""},
        {"timezone": "UTC", "date_order": "ymd"},
    ),
    BrokerFormat(
        "ibkr_flex",
        "Interactive Brokers Flex query",
        frozenset({"buysell", "tradeprice", "quantity", "symbol"}),
        {"fees": "taxes", "executed_at": "datetime"},
        {"timezone": "America/New_York", "date_order": "ymd", "costs": "negative"},
    ),
    BrokerFormat(
        "ibkr_activity",
        "Interactive Brokers activity statement",
        frozenset({"datadiscriminator", "tprice", "quantity", "symbol"}),
        {"side": "", "open_close": "code"},
        {"timezone": "America/New_York", "date_order": "ymd", "costs": "negative", "sides": "sign"},
    ),
    BrokerFormat(
        "schwab",
        "Charles Schwab transactions",
        frozenset({"action", "symbol", "quantity", "price", "feescomm"}),
        {},
        {"timezone": "America/New_York", "date_order": "mdy"},
    ),
    BrokerFormat(
        "td_ameritrade",
        "TD Ameritrade transactions",
        frozenset({"transactionid", "description", "regfee"}),
        {"side": "description", "execution_id": "transactionid", "fees": "regfee"},
        {"timezone": "America/New_York", "date_order": "mdy"},
    ),
    BrokerFormat(
        "tradingview",
        "TradingView order history",
        frozenset({"fillprice", "placingtime", "symbol", "side"}),
        {"executed_at": "closingtime", "price": "fillprice", "execution_id": ""},
        {"date_order": "ymd"},
    ),
    BrokerFormat("template", "TrendDojo template", frozenset({"executedat", "symbol", "side", "executionid"})),
)

# side, and whether the words say that it opens ("open") or closes ("close") a position.
SIDES: dict[str, tuple[str, str]] = {
    "buy": ("buy", ""),
    "b": ("buy", ""),
    "bot": ("buy", ""),
    "bought": ("buy", ""),
    "purchase": ("buy", ""),
    "purchased": ("buy", ""),
    "long": ("buy", ""),
    "kauf": ("buy", ""),
    "kaufen": ("buy", ""),
    "achat": ("buy", ""),
    "youbought": ("buy", ""),
    "sell": ("sell", ""),
    "s": ("sell", ""),
    "sld": ("sell", ""),
    "sold": ("sell", ""),
    "sale": ("sell", ""),
    "verkauf": ("sell", ""),
    "verkaufen": ("sell", ""),
    "vente": ("sell", ""),
    "yousold": ("sell", ""),
    "sellshort": ("sell", "open"),
    "short": ("sell", "open"),
    "shortsell": ("sell", "open"),
    "ss": ("sell", "open"),
    "soldshort": ("sell", "open"),
    "shortsale": ("sell", "open"),
    "sshrt": ("sell", "open"),
    "buytocover": ("buy", "close"),
    "cover": ("buy", "close"),
    "btc": ("buy", "close"),
    "bc": ("buy", "close"),
    "boughttocover": ("buy", "close"),
    "buytoclose": ("buy", "close"),
    "coverbuy": ("buy", "close"),
    "buytoopen": ("buy", "open"),
    "bto": ("buy", "open"),
    "selltoclose": ("sell", "close"),
    "stc": ("sell", "close"),
    "selltoopen": ("sell", "open"),
    "sto": ("sell", "open"),
    "buycover": ("buy", "close"),
    "boughttoopen": ("buy", "open"),
    "boughttoclose": ("buy", "close"),
    "soldtoopen": ("sell", "open"),
    "soldtoclose": ("sell", "close"),
}
SIDE_PHRASE_WORDS = 3
# Lines of a statement that are no executions: left out and counted.
NOT_FILLS = (
    "dividend",
    "div",
    "interest",
    "int",
    "journal",
    "wire",
    "deposit",
    "withdraw",
    "transfer",
    "moneylink",
    "fee",
    "adr",
    "tax",
    "reinvest",
    "expired",
    "assigned",
    "exercised",
    "stock split",
    "split",
    "merger",
    "spin",
    "cash",
    "ach",
    "credit",
    "misc",
    "bank",
    "foreign tax",
    "nra",
    "qualified",
    "long term cap",
    "short term cap",
    "margin",
    "service",
    "balance",
    "total",
    "transactions total",
    "funds",
    "client requested",
    "removal",
    "mandatory",
    "rebate",
    "subscription",
    "off-cycle",
    "internal",
    "name change",
    "adjustment",
    "promotional",
    "security transfer",
)
FILLED = frozenset({"", "filled", "fill", "partiallyfilled", "partialfill", "partfilled", "executed", "done", "closed"})
ASSET_CLASSES = {
    "": "",
    "stock": "stock",
    "stk": "stock",
    "stocks": "stock",
    "equity": "stock",
    "usequity": "stock",
    "shares": "stock",
    "adr": "stock",
    "common": "stock",
    "etf": "etf",
    "etfs": "etf",
    "fund": "etf",
    "option": "option",
    "opt": "option",
    "options": "option",
    "equityandindexoptions": "option",
    "usoption": "option",
    "equityoption": "option",
    "future": "future",
    "fut": "future",
    "futures": "future",
    "crypto": "crypto",
    "cryptocurrency": "crypto",
}
