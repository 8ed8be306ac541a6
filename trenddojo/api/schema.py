"""How the published schema is made from the views."""

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from drf_standardized_errors.openapi import AutoSchema

IDEMPOTENT: Final = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
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


class ApiSchema(AutoSchema):
    """The schema of one operation."""


def finish(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """The last touch on the whole schema."""
    return result
