"""How the published schema is made from the views: parameters they name, and what each operation's schema says.

What is the same everywhere (errors, headers, links) is added afterwards, by trenddojo.api.schema_finish.
"""

from typing import Any, Final

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import append_meta
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from trenddojo.api.field_schemas import schema_of
from trenddojo.api.serializers import Taken

__all__ = ["ETAG", "IDEMPOTENT", "IF_MATCHES", "LOCATION", "ApiSchema", "errors"]

IDEMPOTENT: Final = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": r"^[!-~]{1,255}$"},
    OpenApiParameter.HEADER,
    description="1 to 255 visible ASCII characters. The same key and body replays the first answer, with "
    "`Idempotency-Replayed: true`; the same key with another body answers 422. Kept for 48 hours.",
)
IF_MATCHES: Final = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag you read. When the object was changed since, nothing is saved and the answer is 412.",
)
ETAG: Final = OpenApiParameter(
    "ETag", OpenApiTypes.STR, OpenApiParameter.HEADER, response=True, description="The object's version."
)
LOCATION: Final = OpenApiParameter(
    "Location",
    OpenApiTypes.URI,
    OpenApiParameter.HEADER,
    response=[201],
    description="Where the order is; a denied one says it too, with 422.",
)


def errors(*codes: int, **sentences: str) -> dict[int, Any]:
    """Errors an operation answers beyond those all of its kind do: `responses={201: TradeGiven, **errors(409)}`.

    What is added without asking: 401, 406, 429, 500 and 503 everywhere; 403 where something changes; 400 where there is
    a query or a body; 404 where the address names an object; 411 for POST, PUT and PATCH; 413 and 415 where there is a
    body; 409 and 422 beside IDEMPOTENT; 409 and 412 beside IF_MATCHES. A sentence says when:
    `errors(on_409="It has broker fills.")`.
    """
    said = {int(name.removeprefix("on_")): sentence for name, sentence in sentences.items()}
    return {code: OpenApiResponse(description=said.get(code, "")) for code in (*codes, *said)}


class ApiSchema(AutoSchema):
    """The schema of one operation."""

    def get_paginated_name(self, serializer_name: str) -> str:
        return f"{serializer_name.removesuffix('Given')}Page"

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:  # noqa: FBT001, FBT002
        own = schema_of(field, direction)
        if own is None:
            return super()._map_serializer_field(field, direction, bypass_extensions)
        meta = self._get_serializer_field_meta(field, direction)
        return append_meta(own, meta)

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, Taken):
            schema["additionalProperties"] = False
        return schema
