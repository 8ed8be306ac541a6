"""What belongs to no resource: addresses that do not exist."""

from typing import Any, NoReturn

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView


@extend_schema(exclude=True)
class NoSuchAddress(APIView):
    """Answers in the API's own shape where nothing lives."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []
    throttle_classes: list[Any] = []

    def initial(self, request: Request, *args: Any, **options: Any) -> NoReturn:  # noqa: ARG002 - the framework's
        raise NotFound("There is no such address; see /api/v1/docs/ for those there are.")
