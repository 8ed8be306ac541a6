"""What the trader should know: the list, reading, and how they want to hear of what."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms.notifications import NotificationChoicesForm
from accounts.selectors import notifications_of
from accounts.services.notifications import (
    choices_of,
    choices_save,
    notification_read,
    notifications_read_all,
    unread_count,
)

LIST = "accounts:notification-list"
PAGE = 25


@login_required
@require_safe
def notification_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(notifications_of(request.user), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "unread": unread_count(request.user),
        "newest": page.object_list[0] if page.object_list else None,
        "previous_url": f"?page={page.previous_page_number()}" if page.has_previous() else "",
        "next_url": f"?page={page.next_page_number()}" if page.has_next() else "",
    }
    return render(request, "accounts/notification_list.html", context)


@login_required
@require_POST
def notification_open(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Mark it as read and go to the page it is about."""
    found = notification_read(user=request.user, pk=pk)
    is_here = url_has_allowed_host_and_scheme(found.path, allowed_hosts=None)
    return redirect(found.path if found.path and is_here else LIST)


@login_required
@require_POST
def notifications_read(request: HttpRequest) -> HttpResponse:
    count = notifications_read_all(user=request.user, until=_shown(request))
    if count:
        messages.success(request, "All are marked as read.")
    return redirect(LIST)


def _shown(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.POST.get("until", ""))
    except ValueError:
        return None


@login_required
@require_http_methods(["GET", "POST"])
def notification_settings(request: HttpRequest) -> HttpResponse:
    form = NotificationChoicesForm(request.POST or None, choices=choices_of(request.user))
    if request.method == "POST" and form.is_valid():
        choices_save(user=request.user, choices=form.choices())
        messages.success(request, "Saved.")
        return redirect("accounts:notification-settings")
    return render(request, "accounts/notification_settings.html", {"form": form})
