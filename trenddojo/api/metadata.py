"""What OPTIONS answers: the methods of an address, what it takes, and where the schema is."""

from typing import Any

from rest_framework.metadata import BaseMetadata
from rest_framework.request import Request


class ApiMetadata(BaseMetadata):
    """The schema tells the rest."""

    def determine_metadata(self, request: Request, view: Any) -> dict[str, Any]:
        return {
            "methods": view.allowed_methods,
            "takes": [parser.media_type for parser in view.parser_classes],
            "schema": request.build_absolute_uri("/api/v1/schema/"),
        }
