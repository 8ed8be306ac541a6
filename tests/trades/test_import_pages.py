"""The pages of imports: upload, preview, booking, undoing, for their owner alone."""

import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import TradingAccount, User
from tests.factories import make_account
from trades.models import FillImport, Trade

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
