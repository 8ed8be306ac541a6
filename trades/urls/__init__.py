"""Every page of the desk, one module per area."""

from trades.urls import bars, eyes, figures, imports, journal, lists, orders, plans, setups

app_name = "trades"
urlpatterns = [
    *figures.urlpatterns,
    *plans.urlpatterns,
    *orders.urlpatterns,
    *eyes.urlpatterns,
    *lists.urlpatterns,
    *journal.urlpatterns,
    *setups.urlpatterns,
    *imports.urlpatterns,
    *bars.urlpatterns,
]
