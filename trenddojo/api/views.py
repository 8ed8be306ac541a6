"""What belongs to no resource: the index, the schema, its docs, and addresses that do not exist."""

import hashlib
from functools import lru_cache
from typing import Any, NoReturn

from django.http import HttpResponse
from django.urls import Resolver404, resolve, reverse
from django.utils.cache import get_conditional_response
from django.views.generic import TemplateView
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from trenddojo.api.throttles import AddressThrottle


@lru_cache(maxsize=1)
def published() -> dict[str, Any]:
    """The schema: the same for everybody, so made once in a process."""
    return dict(SchemaGenerator().get_schema(request=None, public=True))


@lru_cache(maxsize=4)
def _written(renderer: type[Any]) -> tuple[bytes, str]:
    """The schema as this renderer writes it, and its ETag."""
    text = renderer().render(published(), renderer_context={})
    return text, f'"{hashlib.sha256(text).hexdigest()[:32]}"'


class OpenToAll(APIView):
    """Tells no secrets, so strangers may ask, within a budget for their address."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    throttle_classes = [AddressThrottle]


@extend_schema(exclude=True)
class Index(OpenToAll):
    """Where to begin."""

    def get(self, request: Request) -> Response:
        return Response(
            {name: request.build_absolute_uri(reverse(f"api:{name}")) for name in ("schema", "docs")} | {"version": 1}
        )


@extend_schema(exclude=True)
class Schema(OpenToAll):
    """The contract for programs: JSON, or YAML where the Accept header asks for it."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiYamlRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer]

    def get(self, request: Request) -> HttpResponse:
        renderer = request.accepted_renderer
        text, etag = _written(type(renderer))
        response = HttpResponse(text, content_type=renderer.media_type, headers={"ETag": etag, "Vary": "Accept"})
        return get_conditional_response(request, etag=etag, response=response) or response


class Docs(TemplateView):
    """The contract for people, by Swagger UI, from this desk's own files."""

    template_name = "trenddojo/api_docs.html"


@extend_schema(exclude=True)
class NoSuchAddress(OpenToAll):
    """Answers in the API's own shape where nothing lives."""

    def initial(self, request: Request, *args: Any, **options: Any) -> NoReturn:  # noqa: ARG002 - the framework's
        self.check_throttles(request)
        if _lives(f"{request.path_info}/"):
            raise NotFound(f"Addresses end with a slash: {request.path}/")
        raise NotFound("There is no such address; see /api/v1/docs/ for those there are.")


def _lives(path: str) -> bool:
    try:
        return resolve(path).url_name != "nothing"
    except Resolver404:
        return False
