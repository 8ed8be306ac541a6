"""A program that speaks to the REST API."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services.tokens import token_create
from trenddojo.cache import OneClient


class Api:
    """Sends and reads JSON as a program does, with a token in its header."""

    def __init__(self, token: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def __getattr__(self, method: str) -> Callable[..., Any]:
        """get, delete, and post, patch, put with a body of JSON."""
        send = getattr(self.client, method)

        def call(path: str, body: Any = None, **options: Any) -> Any:
            address = path if path.startswith("http") else f"/api/v1{path}"
            if method in {"get", "delete", "head", "options"}:
                return send(address, body, **options) if method == "get" else send(address, **options)
            text = body if isinstance(body, (str, bytes)) else json.dumps({} if body is None else body)
            return send(address, text, content_type=options.pop("content_type", "application/json"), **options)

        return call


def token_for(user: User, scope: str = "trade", name: str = "Test") -> str:
    _token, text = token_create(user=user, name=f"{name} {scope}", scope=scope, now=timezone.now())
    return text


def api_for(user: User, scope: str = "trade") -> Api:
    return Api(token_for(user, scope))


@pytest.fixture
def cache_away(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither limits nor anything else can be counted for all processes."""

    def refuse(*_: Any, **__: Any) -> None:
        raise redis.ConnectionError("away")

    settings.CACHE_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(OneClient, "get_client", refuse)


def error(response: Any) -> tuple[int, str, str | None]:
    """Status, code and attr of an answer's first error."""
    first = response.json()["errors"][0]
    return response.status_code, first["code"], first["attr"]
