"""The dashboard and the performance pages."""

from django.urls import URLPattern, path

from trades.views.breakdowns import performance_breakdown, performance_overrides, performance_plan
from trades.views.calendar import performance_calendar
from trades.views.dashboard import dashboard
from trades.views.figures import performance_figure
from trades.views.performance import performance, performance_equity

urlpatterns: list[URLPattern] = [
    path("", dashboard, name="dashboard"),
    path("performance/", performance, name="performance"),
    path("performance/equity/", performance_equity, name="performance-equity"),
    path("performance/breakdowns/<slug:by>/", performance_breakdown, name="performance-breakdown"),
    path("performance/calendar/", performance_calendar, name="performance-calendar"),
    path("performance/figures/<slug:key>/", performance_figure, name="performance-figure"),
    path("performance/plan/", performance_plan, name="performance-plan"),
    path("performance/overrides/", performance_overrides, name="performance-overrides"),
]
