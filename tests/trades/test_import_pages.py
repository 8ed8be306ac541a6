"""The pages of imports: upload, preview, booking, undoing, for their owner alone."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import TradingAccount, User
from tests.factories import make_account
from trades.models import Fill, FillImport, ImportMapping, ImportState, Trade

HEADER = "executed_at,symbol,side,quantity,price,commission,fees,execution_id,asset_class,multiplier\n"
ROUND_TRIP = (
    HEADER
    + "2026-03-02 09:31:05,AAPL,buy,100,187.45,1.00,0,,stock,1\n"
    + "2026-03-02 10:12:40,AAPL,sell,100,189.10,1.00,0.02,,stock,1\n"
)


@pytest.fixture
def account(alice: User) -> TradingAccount:
    return make_account(alice)


def send(client: Client, account: TradingAccount, content: str | bytes, name: str = "fills.csv", **more: Any) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    data = {"creation_key": str(uuid.uuid4()), "account": str(account.pk)} | more
    return client.post(reverse("trades:import-create"), data | {"file": SimpleUploadedFile(name, raw)})


def uploaded(client: Client, account: TradingAccount, content: str | bytes, name: str = "fills.csv") -> FillImport:
    response = send(client, account, content, name)
    assert response.status_code == 302, response.content.decode()
    return FillImport.objects.latest("created_at")


def test_a_file_is_uploaded_previewed_booked_and_undone(alice_client: Client, account: TradingAccount) -> None:
    made = uploaded(alice_client, account, ROUND_TRIP)
    page = alice_client.get(reverse("trades:import-detail", args=[made.pk])).content.decode()
    assert "2 new fills will be booked into Main" in page
    response = alice_client.post(reverse("trades:import-commit", args=[made.pk]), follow=True)
    assert "2 fills are booked; 1 trade was created" in response.content.decode()
    confirm = alice_client.get(reverse("trades:import-undo", args=[made.pk])).content.decode()
    assert "2 fills of this import are taken away" in confirm
    assert "1 trade made of them alone is deleted" in confirm
    response = alice_client.post(reverse("trades:import-undo", args=[made.pk]), follow=True)
    assert "Everything this import brought was taken away again" in response.content.decode()
    assert not Trade.objects.exists()


@pytest.mark.parametrize("page", ["detail", "mapping", "commit", "undo", "delete", "progress"])
def test_another_users_import_does_not_exist(
    alice_client: Client, charlie_client: Client, account: TradingAccount, page: str
) -> None:
    made = uploaded(alice_client, account, ROUND_TRIP)
    address = reverse(f"trades:import-{page}", args=[made.pk])
    method = charlie_client.post if page in {"mapping", "commit"} else charlie_client.get
    assert method(address).status_code == 404
    if page in {"undo", "delete"}:
        assert charlie_client.post(address).status_code == 404
    made.refresh_from_db()
    assert made.state == ImportState.PREVIEW


def test_a_file_is_not_imported_into_another_users_account(
    charlie: User, charlie_client: Client, account: TradingAccount
) -> None:
    make_account(charlie)
    response = send(charlie_client, account, ROUND_TRIP)
    assert response.status_code == 422
    assert "Choose one of your accounts." in response.content.decode()
    assert not FillImport.objects.exists()


@pytest.mark.parametrize("page", ["list", "create", "template"])
def test_strangers_are_asked_to_sign_in(client: Client, page: str) -> None:
    assert client.get(reverse(f"trades:import-{page}")).status_code == 302


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"Date,Symbol,Price\n", "has a header but no fills below it"),
        (b"PK\x03\x04rest", "This is a spreadsheet, whatever its name says."),
        (b"a,b\n\x00,1\n", "This is no text file"),
        (b"x" * 200_000, "longer than 65,536 characters"),
    ],
)
def test_what_is_no_list_of_fills_is_refused_at_the_field(
    alice_client: Client, account: TradingAccount, content: bytes, sentence: str
) -> None:
    response = send(alice_client, account, content)
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not FillImport.objects.exists()


def test_a_file_beyond_the_limit_is_refused_at_the_field(
    alice_client: Client, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trades.services.imports.MAX_BYTES", 10)
    response = send(alice_client, account, ROUND_TRIP)
    assert response.status_code == 422
    assert "larger than 64 MB" in response.content.decode()


def test_the_last_line_without_a_line_end_is_shown_and_ticked_before_booking(
    alice_client: Client, account: TradingAccount
) -> None:
    made = uploaded(alice_client, account, ROUND_TRIP.rstrip("\n"))
    address = reverse("trades:import-commit", args=[made.pk])
    assert "may have been cut off" in alice_client.get(reverse("trades:import-detail", args=[made.pk])).content.decode()
    refused = alice_client.post(address)
    assert refused.status_code == 422
    assert "tick that it is whole" in refused.content.decode()
    assert not Fill.objects.exists()
    alice_client.post(address, {"confirm_last_line": "on"})
    assert Fill.objects.count() == 2


def mapping_fields(page: str) -> dict[str, str]:
    """The chosen values of the mapping form as a browser would send them."""
    form = page[page.index('id="mapping"') :]
    fields = {}
    for name, options in re.findall(r'<select name="([^"]+)"(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        fields[name] = chosen[1] if chosen else ""
    return fields


def test_a_mapping_chosen_by_hand_is_read_again_and_kept(alice_client: Client, account: TradingAccount) -> None:
    text = "Day,Paper,Pieces,Cost each\n02.03.2026,AAPL,-5,10.00\n"
    made = uploaded(alice_client, account, text)
    address = reverse("trades:import-detail", args=[made.pk])
    page = alice_client.get(address).content.decode()
    assert "Say what the columns mean" in page
    fields = mapping_fields(page) | {"column_executed_at": "0", "column_symbol": "1", "column_quantity": "2"}
    refused = alice_client.post(reverse("trades:import-mapping", args=[made.pk]), fields)
    assert refused.status_code == 422
    assert "Choose the column that holds the price." in refused.content.decode()
    fields |= {"column_price": "3", "sides": "sign", "date_order": "dmy"}
    alice_client.post(reverse("trades:import-mapping", args=[made.pk]), fields)
    made.refresh_from_db()
    assert (made.new, made.errors) == (1, [])
    assert ImportMapping.objects.get(account=account).mapping["sides"] == "sign"
    assert uploaded(alice_client, account, text.replace("AAPL", "MSFT")).new == 1


def test_one_column_cannot_mean_two_things(alice_client: Client, account: TradingAccount) -> None:
    made = uploaded(alice_client, account, ROUND_TRIP)
    page = alice_client.get(reverse("trades:import-detail", args=[made.pk])).content.decode()
    fields = mapping_fields(page) | {"column_fees": mapping_fields(page)["column_price"]}
    refused = alice_client.post(reverse("trades:import-mapping", args=[made.pk]), fields)
    assert "This column is already chosen for “Price”" in refused.content.decode()


def test_progress_is_a_bar_while_it_lasts_and_then_leads_to_the_page(
    alice_client: Client, account: TradingAccount
) -> None:
    made = uploaded(alice_client, account, ROUND_TRIP)
    address = reverse("trades:import-progress", args=[made.pk])
    assert alice_client.get(address).status_code == 302
    ended = alice_client.get(address, headers={"HX-Request": "true"})
    assert ended.headers["HX-Redirect"] == reverse("trades:import-detail", args=[made.pk])
    FillImport.objects.update(state=ImportState.COMMITTING, done=1, total=4, lease_until="2030-01-01T00:00Z")
    assert "25 %" in alice_client.get(address, headers={"HX-Request": "true"}).content.decode()


def test_the_template_is_read_without_any_mapping(alice_client: Client, account: TradingAccount) -> None:
    template = alice_client.get(reverse("trades:import-template"))
    assert template.headers["Content-Disposition"] == 'attachment; filename="import-template.csv"'
    made = uploaded(alice_client, account, template.content)
    assert (made.new, made.errors, made.warnings) == (2, [], [])


def test_the_list_shows_every_import_with_a_constant_number_of_queries(
    alice_client: Client, account: TradingAccount, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for number in range(3):
        uploaded(alice_client, account, ROUND_TRIP, name=f"file{number}.csv")
    with django_assert_max_num_queries(8):
        page = alice_client.get(reverse("trades:import-list")).content.decode()
    assert all(f"file{number}.csv" in page for number in range(3))


def test_the_entry_of_an_undone_import_can_be_deleted(alice_client: Client, account: TradingAccount) -> None:
    made = uploaded(alice_client, account, ROUND_TRIP)
    address = reverse("trades:import-delete", args=[made.pk])
    assert "No fill and no trade is touched" in alice_client.get(address).content.decode()
    alice_client.post(address)
    assert not FillImport.objects.exists()


def test_markup_in_a_file_is_shown_as_text(alice_client: Client, account: TradingAccount) -> None:
    text = "Date,Symbol,Side,Quantity,Price,<b>x</b>\n2026-03-02 09:31:05,<script>,buy,1,1,<i>y</i>\n"
    made = uploaded(alice_client, account, text, name="<img>.csv")
    page = alice_client.get(reverse("trades:import-detail", args=[made.pk])).content.decode()
    assert "<b>x</b>" not in page
    assert "<img>" not in page
    assert "&lt;script&gt;" in page
