"""What administrators look at and never type into."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest


# Django's class takes its model in square brackets only for the type checker, not when it runs.
class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What brokers said is read, not written."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - as above
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - as above
        return False
