"""Every page of the desk, one module per area."""

from trades.urls import figures, imports, journal, lists, plans, setups

app_name = "trades"
urlpatterns = [
    *figures.urlpatterns,
    *plans.urlpatterns,
    *lists.urlpatterns,
    *journal.urlpatterns,
    *setups.urlpatterns,
    *imports.urlpatterns,
]
