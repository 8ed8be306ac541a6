"""What administrators look at and never type into: what brokers said is read, not written."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest


# Django's class takes its model in square brackets only for the type checker, not when it runs.
class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list, and its rows by themselves."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - as above
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - as above
        return False


class ReadOnlyInline(admin.TabularInline):  # type: ignore[type-arg] # as above
    """Rows on the page of what they belong to."""

    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - as above
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - as above
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - as above
        return False
