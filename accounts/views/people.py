"""The user's own settings: profile, open sessions, export and leaving."""

from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.core.ratelimit import consume_or_429
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms.fields import refusals_at
from accounts.forms.people import ProfileForm, UserDeleteForm
from accounts.selectors import accounts_of, user_session
from accounts.services.data_export import user_export
from accounts.services.people import profile_save, user_delete, user_sessions_end


@login_required
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    user = request.user
    first = {"first_name": user.first_name, "last_name": user.last_name, "timezone": user.timezone}
    form = ProfileForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            profile_save(user=user, profile=form.profile())
            messages.success(request, "Saved.")
            return redirect("accounts:settings")
    return render(request, "accounts/settings.html", {"form": form})


@login_required
@require_safe
def data_export(request: HttpRequest) -> StreamingHttpResponse:
    response = StreamingHttpResponse(user_export(request.user), content_type="application/zip")
    name = f"trenddojo-{timezone.localdate().isoformat()}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks who it is first: whoever sits down at an open desk must not sign its owner out elsewhere."""
    session = user_session(user=request.user, pk=pk)
    raise_if_reauthentication_required(request, app="accounts")
    user_sessions_end(sessions=[session])
    messages.success(request, "That browser is signed out.")
    return redirect("usersessions_list")


@sensitive_post_parameters("typed_password")
@login_required
@require_http_methods(["GET", "POST"])
def user_delete_page(request: HttpRequest) -> HttpResponse:
    form = UserDeleteForm(request.POST or None)
    if request.method == "POST":
        refused = consume_or_429(request, action="reauthenticate", user=request.user)
        if refused is not None:
            return refused
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            user_delete(user=request.user, **form.cleaned_data)
            logout(request)
            return render(request, "accounts/user_deleted.html")
    return render(request, "accounts/user_delete.html", {"form": form, "accounts": accounts_of(request.user)})
