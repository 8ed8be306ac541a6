"""How a trader wants to hear of what."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ApiViewSet
from accounts.models import NotificationKind
from accounts.services.notifications import Choice, choices_of, choices_save
from trenddojo.api.fields import Truth
from trenddojo.api.serializers import Given, Taken

IN_APP, BY_EMAIL = "In the app and the API.", "To the trader's address."


class ChoiceGiven(Given):
    in_app = Truth(help_text=IN_APP)
    by_email = Truth(help_text=BY_EMAIL)


class ChoiceTaken(Taken):
    in_app = Truth(help_text=IN_APP)
    by_email = Truth(help_text=BY_EMAIL)


def _by_kind(name: str, base: Any, field: Any, doc: str, **options: Any) -> Any:
    """A body with a field for every kind."""
    fields = {kind.value: field(help_text=f"{kind.label}.", **options) for kind in NotificationKind}
    return type(name, (base,), {"__doc__": doc, "__module__": __name__, **fields})


NotificationSettingsGiven = _by_kind("NotificationSettingsGiven", Given, ChoiceGiven, "Every kind.")
NotificationSettingsTaken = _by_kind(
    "NotificationSettingsTaken", Taken, ChoiceTaken, "Kinds that are not named stay as they are.", required=False
)
BOTH = {"in_app": True, "by_email": True}
QUIET = {NotificationKind.values[0]: {"in_app": True, "by_email": False}}
KEPT = OpenApiExample("One kind without mail", dict.fromkeys(NotificationKind.values, BOTH) | QUIET, response_only=True)


@extend_schema(tags=["notifications"], examples=[KEPT])
class NotificationSettingsViewSet(ApiViewSet):
    serializer_class = NotificationSettingsGiven

    @extend_schema(
        operation_id="notifications_settings_retrieve",
        summary="Read how you hear of what",
        responses=NotificationSettingsGiven,
    )
    def show(self, request: Request) -> Response:
        return Response(NotificationSettingsGiven(choices_of(request.user)).data)

    @extend_schema(
        operation_id="notifications_settings_partial_update",
        summary="Choose how you hear of what",
        description="Kinds that are not named stay as they are. It counts for what happens from now on.",
        request=NotificationSettingsTaken,
        responses=NotificationSettingsGiven,
        examples=[OpenApiExample("No mail of one kind", QUIET, request_only=True)],
    )
    def change(self, request: Request) -> Response:
        said = self.taken(NotificationSettingsTaken)
        choices_save(user=request.user, choices=[Choice(kind, **choice) for kind, choice in said.items()])
        return self.show(request)
