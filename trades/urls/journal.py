"""Journal pages, notes and screenshots."""

from django.urls import URLPattern, path

from trades.urls import converters  # noqa: F401 - registers <day:…>
from trades.views import journal as views
from trades.views import screenshots

urlpatterns: list[URLPattern] = [
    path("trades/<uuid:pk>/journal/", views.trade_journal, name="trade-journal"),
    path("trades/<uuid:pk>/screenshots/", screenshots.screenshot_new, name="screenshot-add"),
    path("screenshots/<uuid:pk>/", screenshots.screenshot_view, name="screenshot-view"),
    path("screenshots/<uuid:pk>/delete/", screenshots.screenshot_remove, name="screenshot-delete"),
    path("journal/", views.journal_list, name="journal-list"),
    path("journal/<day:day>/", views.journal_day, name="journal-day"),
    path("journal/<day:day>/screenshots/", screenshots.day_screenshot_new, name="journal-screenshot-add"),
]
