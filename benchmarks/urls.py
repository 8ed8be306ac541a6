"""The desk's addresses and, beside them, the least a page can do: one row by its primary key."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path

from trades.models import Trade
from trenddojo.urls import urlpatterns as desk


@login_required
def one_row(request: HttpRequest, pk: UUID) -> HttpResponse:
    trade = get_object_or_404(Trade.objects.only("symbol", "net_pnl"), pk=pk, owner=request.user)
    return HttpResponse(f"{trade.symbol} {trade.net_pnl}", content_type="text/plain")


urlpatterns = [path("one-row/<uuid:pk>/", one_row, name="one-row"), *desk]
