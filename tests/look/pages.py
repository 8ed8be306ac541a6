"""Pages that show every part of the look at once; only tests serve them, in a desk with a complete navigation."""

import json
import time
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import RequestContext, Template
from django.urls import URLPattern, URLResolver, include, path

from trenddojo.templatetags.desk import heat
from trenddojo.templatetags.page import ASKED_COUNTS, NAVIGATION

GALLERY = Path(__file__).with_name("gallery.html")


class PlanForm(forms.Form):
    symbol = forms.CharField(help_text="As the exchange writes it, for example AAPL or BTC-USD.")
    entry = forms.DecimalField(widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    setup = forms.ChoiceField(choices=[("", "None"), ("pullback", "Pullback")], required=False)
    direction = forms.ChoiceField(choices=[("long", "Long"), ("short", "Short")], widget=forms.RadioSelect)
    thesis = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    override = forms.BooleanField(required=False, label="Override the limit")


def _figure(value: Any, n: int, reason: str = "", low: Any = None, high: Any = None) -> SimpleNamespace:
    return SimpleNamespace(value=value, n=n, reason=reason, low=low, high=high)


def _figures() -> list[dict[str, Any]]:
    shown = [
        ("Net result", _figure(Decimal("18452.37"), 212), "signed"),
        ("Win rate", _figure(Decimal("0.4811"), 212, low=Decimal("0.415"), high=Decimal("0.548")), "percent"),
        ("Expectancy", _figure(Decimal("0.31"), 198, low=Decimal("0.12"), high=Decimal("0.52")), "r"),
        ("Profit factor", _figure(None, 4, "No losing trade yet, so there is nothing to divide by."), "ratio"),
        ("Max drawdown", _figure(Decimal("-0.0834"), 251), "return"),
        ("Holding time", _figure(276000, 212), "duration"),
    ]
    return [{"title": title, "figure": figure, "unit": unit} for title, figure, unit in shown]


def _equity() -> list[list[str]]:
    start, value, rows = date(2025, 1, 2), Decimal(25000), []
    for index in range(250):
        value += Decimal((index * 37 % 101) - 46) * 4
        rows.append([(start + timedelta(days=index)).isoformat(), str(value)])
    return rows


def _charts() -> dict[str, Any]:
    equity = _equity()
    bars = [("-3", 2), ("-2", 9), ("-1", 71), ("0", 30), ("1", 44), ("2", 31), ("3", 18), ("4", 5)]
    return {
        "equity": {
            "id": "equity",
            "kind": "area",
            "title": "Equity",
            "summary": "From 25,000.00 USD to 33,000.00 USD in 250 days.",
            "data": {
                "unit": "USD",
                "series": [
                    {"name": "Equity", "points": equity},
                    {"name": "Deposits", "kind": "line", "points": [[day, "25000"] for day, _ in equity]},
                ],
            },
            "head": ["Day", "Equity"],
            "rows": equity[-10:],
        },
        "drawdown": {
            "id": "drawdown",
            "kind": "histogram",
            "title": "Daily result",
            "summary": "Most days end within 200 USD of where they began.",
            "data": {
                "unit": "USD",
                "series": [
                    {
                        "name": "Result",
                        "points": [[d, str((i * 37 % 101 - 46) * 4)] for i, (d, _) in enumerate(equity[-60:])],
                    }
                ],
            },
            "table_url": "#table",
        },
        "spread": {
            "id": "spread",
            "kind": "bars",
            "title": "Net result by R",
            "summary": "Most trades end at −1 R.",
            "data": {
                "unit": "trades",
                "places": 0,
                "bars": [
                    {"label": r, "value": n if not r.startswith("-") else -n, "n": n, "url": "#trades"} for r, n in bars
                ],
            },
            "head": ["R", "Trades"],
            "rows": bars,
        },
    }


def _rows() -> list[dict[str, Any]]:
    at = datetime(2026, 3, 5, 15, 30, tzinfo=UTC)
    row = {
        "direction": "long",
        "status": "closed",
        "at": at,
        "quantity": Decimal("100.000"),
        "entry": Decimal("182.4500"),
    }
    return [
        {**row, "symbol": "AAPL", "pnl": Decimal("812.40"), "r": Decimal("2.1")},
        {**row, "symbol": "NVDA", "direction": "short", "pnl": Decimal("-250.00"), "r": Decimal(-1)},
        {
            **row,
            "symbol": "BTC-USD",
            "status": "active",
            "quantity": Decimal("0.02500000"),
            "entry": Decimal("61234.125"),
            "pnl": Decimal("0.00"),
            "r": None,
        },
        {**row, "symbol": "SPY 2026-03-20 C 600", "status": "planned", "pnl": None, "r": Decimal("0.004")},
    ]


def _weeks() -> list[list[dict[str, Any] | None]]:
    days: list[dict[str, Any] | None] = []
    for index in range(1, 29):
        amount = Decimal((index * 53 % 97) - 45) * 9
        trades = 0 if index % 7 in (0, 6) else index % 4 + 1
        days.append(
            {
                "day": date(2026, 2, index),
                "amount": amount,
                "currency": "USD",
                "trades": trades,
                "url": "#day",
                "heat": heat(amount, 460) if trades else "heat-0",
            }
        )
    days = [None] * 6 + days + [None]
    return [days[start : start + 7] for start in range(0, 35, 7)]


def gallery(request: HttpRequest) -> HttpResponse:
    form = PlanForm(request.POST if request.method == "POST" else None)
    if request.method == "GET" and "quiet" not in request.GET:
        messages.success(request, "The fill was added and the trade recomputed.")
        messages.error(request, "The file holds only a header. Nothing was imported.")
    entries = [
        {
            "at": datetime(2026, 3, 5, 16, 2, tzinfo=UTC),
            "who": "alice",
            "what": "Fill changed",
            "changes": [("Price", "182.45", "182.54"), ("Fees", "", "0.02")],
        },
        {"at": datetime(2026, 3, 5, 15, 30, tzinfo=UTC), "who": "alice", "what": "Fill added", "changes": []},
    ]
    accounts = [SimpleNamespace(pk=1, name="Main", currency="USD"), SimpleNamespace(pk=2, name="Swing", currency="EUR")]
    context = {
        "form": form,
        "figures": _figures(),
        "rows": _rows(),
        "entries": entries,
        "accounts": accounts,
        "selected_account": accounts[0],
        "month": "February 2026",
        "weekdays": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        "weeks": _weeks(),
        "previous_url": "#",
        **_charts(),
    }
    return HttpResponse(Template(GALLERY.read_text()).render(RequestContext(request, context)))


SMALL = """{% extends "base.html" %}{% load desk page %}{% block title %}Note{% endblock %}{% block page_title %}Note{% endblock %}
{% block content %}
<form method="post" action="/look/note/" id="note" data-guard>{% csrf_token %}{% include "_form_errors.html" %}
{% field form.text %}{% field form.mood %}{% field form.sure %}
<button class="btn btn-primary" name="how" value="saved">Save note</button></form>
<form method="post" action="/look/note/" id="delete" data-confirm="Delete this note?">{% csrf_token %}<input type="hidden" name="text" value="deleted"><button class="btn">Delete</button></form>
<form hx-post="/look/size/" hx-target="#size" id="sizing">{% csrf_token %}<label>Risk <input class="form-control" name="risk"></label><button class="btn">Size it</button></form>
<div id="size"></div>
{% include "_progress.html" with label="Reading" url="/look/progress/" done=0 total=3 text="0 of 3" %}
<p id="posted">{{ posted }}</p>
{% endblock %}"""

SIGN_IN = """{% extends "base_narrow.html" %}{% block title %}Sign in{% endblock %}{% block page_kind %}sign-in{% endblock %}
{% block page_title %}Sign in{% endblock %}{% block content %}<a class="btn" href="/look/note/">Signed in again</a>{% endblock %}"""

PROGRESS = """{% include "_progress.html" with label="Reading" url="/look/progress/" %}"""


class NoteForm(forms.Form):
    text = forms.CharField(widget=forms.Textarea)
    mood = forms.ChoiceField(choices=[("calm", "Calm"), ("tense", "Tense")])
    sure = forms.BooleanField(required=False)


posted: list[str] = []
polls: list[str] = []


def _render(request: HttpRequest, source: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return HttpResponse(Template(source).render(RequestContext(request, context)), status=status)


def note(request: HttpRequest) -> HttpResponse:
    """A form behind a sign-in; each POST that arrives is written down."""
    if "signed" not in request.COOKIES:
        return redirect("/look/sign-in/")
    if request.method == "POST":
        posted.append(f"{request.POST['text']} {request.POST.get('how', '')}")
        time.sleep(0.3)
        return redirect("/look/note/")
    return _render(request, SMALL, {"form": NoteForm(), "posted": " | ".join(posted)})


def sign_in(request: HttpRequest) -> HttpResponse:
    """Where somebody lands whose session ended."""
    return _render(request, SIGN_IN, {})


def size(request: HttpRequest) -> HttpResponse:
    """An htmx answer: a size, a refusal, a failure, or a session that ended."""
    if "signed" not in request.COOKIES:
        return redirect("/look/sign-in/")
    risk = request.POST["risk"]
    if risk == "break":
        return HttpResponse("broken", status=500)
    if risk.isdigit():
        answer = HttpResponse(f"<output>{risk} shares</output>")
        answer["HX-Trigger"] = json.dumps({"toast": {"level": "success", "text": "Sized"}})
        return answer
    return HttpResponse("<p>Enter a number.</p>", status=422)


def progress(request: HttpRequest) -> HttpResponse:
    """One more step each time it is asked, then the end."""
    polls.append("asked")
    done = len(polls)
    return _render(request, PROGRESS, {"done": done, "total": 3, "text": f"{done} of 3", "ended": done >= 3})


def confirm(request: HttpRequest) -> HttpResponse:
    """The page that asks before a trade is deleted."""
    context = {
        "title": "Delete the trade in AAPL?",
        "text": "This cannot be undone.",
        "consequences": ["4 fills and their audit trail are deleted.", "All figures are computed without it."],
        "action_label": "Delete the trade",
        "cancel_url": "/look/",
    }
    return render(request, "confirm.html", context)


def broken(request: HttpRequest) -> HttpResponse:
    """A view that fails."""
    raise RuntimeError("broken on purpose")


def refused(request: HttpRequest, code: str) -> HttpResponse:
    """An error page as the desk answers with it, 403_csrf included."""
    return render(request, f"{code}.html", status=int(code[:3]))


def nothing_waits(request: HttpRequest) -> HttpResponse:
    """What an entry's count says where there is nothing to count."""
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _stand_ins() -> list[URLPattern | URLResolver]:
    """An address for everything the pages lead to that neither allauth nor the admin brings."""
    names = [name for section in NAVIGATION.values() for name, _, _ in section if ":" in name]
    views = {name: gallery for name in names if not name.startswith("admin:")}
    views |= dict.fromkeys(ASKED_COUNTS.values(), nothing_waits)
    # What the page of a busy desk leads to.
    views |= dict.fromkeys(("trades:order-create", "trades:order-cancel-all"), gallery)
    spaces: defaultdict[str, list[URLPattern]] = defaultdict(list)
    for name, view in views.items():
        space, page = name.split(":")
        spaces[space].append(path(f"{space}/{page}/", view, name=page))
    return [path("look/", include((pages, space))) for space, pages in sorted(spaces.items())]


urlpatterns = [
    path("", gallery),
    path("look/", gallery),
    path("look/note/", note),
    path("look/sign-in/", sign_in),
    path("look/confirm/", confirm),
    path("look/broken/", broken),
    path("look/refused/<str:code>/", refused),
    path("look/size/", size),
    path("look/progress/", progress),
    *_stand_ins(),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
