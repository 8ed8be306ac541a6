"""How numbers, times, fields and navigation read on every page."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.http import HttpRequest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from trenddojo.templatetags import desk
from trenddojo.templatetags.numbers import span
from trenddojo.templatetags.page import NAVIGATION, theme


class _Text(HTMLParser):
    text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> str:
    """What a reader sees and hears, with narrow spaces as plain ones."""
    parser = _Text()
    parser.feed(html)
    return parser.text.replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("tag", "arguments", "expected"),
    [
        (desk.money, (Decimal("1234.5"), "USD"), "1,234.50 USD"),
        (desk.money, (Decimal("-1234.5"), "EUR"), "−1,234.50 EUR"),
        (desk.money, (Decimal("12345.4"), "JPY"), "12,345 JPY"),
        (desk.money, (Decimal("0.00000001"), "BTC"), "0.00000001 BTC"),
        (desk.money, (Decimal("99999999999999999999.99"), "USD"), "99,999,999,999,999,999,999.99 USD"),
        (desk.money, (None, "USD"), "—no value"),
        (desk.money, (Decimal("NaN"), "USD"), "—no value"),
        (desk.money, ("not a number", "USD"), "—no value"),
        (desk.signed, (Decimal("1234.5"), "USD"), "+1,234.50 USD▲"),
        (desk.signed, (Decimal("-0.01"), "USD"), "−0.01 USD▼"),
        (desk.signed, (Decimal("-0.001"), "USD"), "0.00 USD"),
        (desk.signed, (0, "USD"), "0.00 USD"),
        (desk.signed, (None, "USD"), "—no value"),
        (desk.r_multiple, (Decimal("2.125"),), "+2.12 R▲"),
        (desk.r_multiple, (-1,), "−1.00 R▼"),
        (desk.r_multiple, (None,), "—no value"),
        (desk.percent, (Decimal("0.5432"),), "54.3 %"),
        (desk.percent, (0.5,), "50.0 %"),
        (desk.percent, (None,), "—no value"),
        (desk.signed_percent, (Decimal("-0.0025"),), "−0.25 %▼"),
        (desk.signed_percent, (None,), "—no value"),
        (desk.percent_points, (Decimal("1.50"),), "1.5 %"),
        (desk.percent_points, (Decimal(30),), "30 %"),
        (desk.percent_points, (None,), "—no value"),
        (desk.ratio, (1.8512,), "1.85"),
        (desk.ratio, (float("inf"),), "—no value"),
        (desk.quantity, (Decimal("1250.000"),), "1,250"),
        (desk.quantity, (Decimal("0.00025000"),), "0.00025"),
        (desk.quantity, (Decimal("1E+3"),), "1,000"),
        (desk.quantity, (None,), "—no value"),
        (desk.price, (Decimal("182.4500"),), "182.45"),
        (desk.price, (Decimal("61234.12500"), "USD"), "61,234.125 USD"),
        (desk.price, (None,), "—no value"),
        (desk.average, (Decimal("233.384606742"),), "233.3846"),
        (desk.average, (Decimal("233.400000000"), "USD"), "233.40 USD"),
        (desk.average, (Decimal("45938.396378270"),), "45,938.3964"),
        (desk.average, (Decimal("1.000049999"),), "1.00"),
        (desk.average, (Decimal("0.999999999"),), "1.00"),
        (desk.average, (Decimal("0.123456789"),), "0.123457"),
        (desk.average, (Decimal("0.000012345"),), "0.000012345"),
        (desk.average, (Decimal(0),), "0.00"),
        (desk.average, (None,), "—no value"),
        (desk.duration, (timedelta(days=3, hours=4, minutes=7),), "3 d 4 h"),
        (desk.duration, (45 * 60,), "45 min"),
        (desk.duration, (None,), "—no value"),
        (desk.direction_badge, ("short",), " Short"),
        (desk.direction_badge, ("sideways",), " sideways"),
        (desk.status_badge, ("break_even",), " Break even"),
        (desk.status_badge, ("running", "Reading"), " Reading"),
    ],
)
def test_a_number_reads_exactly(tag: Any, arguments: tuple[Any, ...], expected: str) -> None:
    assert read(tag(*arguments)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (12, "12 s"), (60, "1 min"), (3600 + 5 * 60, "1 h 5 min"), (86_400 + 59, "1 d"), (-90, "−1 min 30 s")],
)
def test_a_length_of_time_names_its_two_largest_units(seconds: int, expected: str) -> None:
    assert span(timedelta(seconds=seconds)).replace("\N{NARROW NO-BREAK SPACE}", " ") == expected


def test_a_gain_and_a_loss_differ_by_more_than_colour() -> None:
    assert 'class="num gain">+5.00' in desk.signed(5, "USD")
    assert 'class="num loss">−5.00' in desk.signed(-5, "USD")


def test_text_of_others_is_escaped() -> None:
    nasty = "<script>alert(1)</script>"

    for html in (
        desk.money(1, nasty),
        desk.status_badge(nasty),
        desk.direction_badge(nasty),
        desk.why(nasty),
        desk.icon(nasty, nasty),
    ):
        assert "<script" not in html


def test_a_moment_is_shown_in_the_users_zone_and_marked_in_utc() -> None:
    moment = datetime(2026, 3, 5, 23, 30, tzinfo=UTC)

    with timezone.override("Asia/Tokyo"):
        assert read(desk.local_time(moment)) == "2026-03-06 08:30"
        assert read(desk.local_day(moment)) == "2026-03-06"
        assert read(desk.local_clock(moment)) == "08:30:00"
        assert 'datetime="2026-03-05T23:30:00Z"' in desk.local_time(moment)
        assert 'title="Friday 2026-03-06 08:30:00 JST"' in desk.local_time(moment)


def test_a_day_stays_the_day_it_is_in_every_zone() -> None:
    with timezone.override("America/New_York"):
        assert read(desk.local_day(date(2026, 3, 5))) == "2026-03-05"
    assert read(desk.local_time(None)) == "—no value"


def _figure(value: Any, **more: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"value": value, "n": 12, "reason": None, "low": None, "high": None} | more)


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("money", Decimal(5), "5.00 USD"),
        ("signed", Decimal(5), "+5.00 USD▲"),
        ("r", Decimal("0.5"), "+0.50 R▲"),
        ("percent", 0.25, "25.0 %"),
        ("return", -0.25, "−25.00 %▼"),
        ("ratio", Decimal(2), "2.00"),
        ("count", 7, "7"),
        ("duration", 60, "1 min"),
    ],
)
def test_a_figure_reads_in_its_unit(unit: str, value: Any, expected: str) -> None:
    assert read(desk.figure_value(_figure(value), unit, "USD")) == expected


def test_an_undefined_figure_opens_to_its_reason_without_a_mouse() -> None:
    html = desk.figure_value(_figure(None, reason="No losses yet."), "ratio")

    assert html.startswith('<details class="why"><summary>—')
    assert "No losses yet." in html
    assert read(desk.why("")) == "—no value"


def test_a_figure_of_a_small_sample_is_muted() -> None:
    assert "muted-figure" in desk.figure_value(_figure(1, is_muted=True))
    assert "muted-figure" not in desk.figure_value(_figure(1, is_muted=False))


def test_an_interval_is_shown_only_where_there_is_one() -> None:
    assert read(desk.interval(_figure(1, low=0.41, high=0.55), "percent")) == "41.0 % …to 55.0 %"
    assert desk.interval(_figure(1)) == ""


def test_a_bar_points_left_and_is_hatched_for_a_loss() -> None:
    assert 'class="bar bar-loss"' in desk.bar(-50, 100)
    assert '<rect x="25.0%" y="2" width="25.0%"' in desk.bar(-50, 100)
    assert '<rect x="50%" y="2" width="50.0%"' in desk.bar(500, 100)
    assert desk.bar(None, 100) == desk.bar(5, 0) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "heat-0"),
        (None, "heat-0"),
        (1, "heat-gain-1"),
        (-50, "heat-loss-3"),
        (100, "heat-gain-4"),
        (900, "heat-gain-4"),
    ],
)
def test_a_day_is_coloured_by_its_share_of_the_largest(value: Any, expected: str) -> None:
    assert desk.heat(value, 100) == expected


def test_an_icon_is_decoration_unless_it_has_a_name() -> None:
    assert 'aria-hidden="true"' in desk.icon("plus")
    assert 'role="img" aria-label="Delete"' in desk.icon("trash", "Delete")


class _Form(forms.Form):
    entry = forms.DecimalField(
        help_text="Per share.", widget=forms.TextInput(attrs={"hx-get": "/size/", "class": "wide"})
    )
    direction = forms.ChoiceField(choices=[("long", "Long"), ("short", "Short")], widget=forms.RadioSelect)
    agreed = forms.BooleanField()


def _field(form: forms.Form, name: str, more: str = "") -> str:
    template = Template("{% load page %}{% field form." + name + " " + more + " %}")
    return template.render(Context({"form": form}))


def test_a_field_ties_label_help_and_error_to_its_input() -> None:
    html = _field(_Form({"entry": "ten"}), "entry", 'suffix="USD" hx_target="#size"')

    assert '<label class="form-label required" for="id_entry">Entry</label>' in html
    assert 'aria-describedby="id_entry_helptext id_entry_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_entry_helptext">Per share.' in html
    assert 'id="id_entry_error"' in html
    assert 'class="form-control wide is-invalid"' in html
    assert 'hx-get="/size/"' in html
    assert 'hx-target="#size"' in html
    assert 'value="ten"' in html
    assert '<span class="input-group-text">USD</span>' in html


def test_a_group_of_choices_is_a_fieldset_with_a_legend() -> None:
    html = _field(_Form({}), "direction")

    assert html.startswith(
        '<fieldset class="mb-3 desk-field" id="id_direction_field" aria-describedby="id_direction_error">'
    )
    assert "<legend" in html
    assert html.count('class="form-check-input is-invalid"') == 2


def test_a_checkbox_has_its_label_beside_it() -> None:
    assert '<label class="form-check" for="id_agreed">' in _field(_Form(), "agreed")


def _request(path: str, theme_cookie: str = "") -> HttpRequest:
    request = RequestFactory().get(path)
    request.COOKIES["theme"] = theme_cookie
    return request


@pytest.mark.parametrize(
    ("cookie", "expected"), [("dark", "dark"), ("light", "light"), ("", "auto"), ('"><script>', "auto")]
)
def test_the_theme_is_the_readers_choice_or_the_systems(cookie: str, expected: str) -> None:
    assert theme(Context({"request": _request("/", cookie)})) == expected
    assert theme(Context({})) == "auto"


def _nav(path: str, section: str) -> str:
    template = Template("{% load page %}{% nav_links '" + section + "' %}")
    return template.render(Context({"request": _request(path)}))


def test_the_navigation_marks_the_page_shown_or_the_section_around_it() -> None:
    assert 'href="/admin/" aria-current="page"' in _nav("/admin/", "staff")
    assert 'href="/admin/" aria-current="true"' in _nav("/admin/trades/trade/", "staff")
    assert "aria-current" not in _nav("/elsewhere/", "staff")


def test_the_navigation_has_no_two_entries_for_one_page() -> None:
    names = [name for section in NAVIGATION.values() for name, _, _ in section]

    assert len(names) == len(set(names))
