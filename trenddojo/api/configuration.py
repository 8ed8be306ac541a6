"""What Django REST framework and its companions are told; read by the settings."""

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.BearerAuthentication",
        "accounts.api.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.api.authentication.ScopeAllows",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["trenddojo.api.throttles.UserThrottle", "trenddojo.api.throttles.TokenThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["trenddojo.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "trenddojo.api.paging.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "trenddojo.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "NON_FIELD_ERRORS_KEY": "non_field_errors",
    # No test client or browser form decides the format: it is JSON.
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

STANDARDIZED_ERRORS: dict[str, Any] = {
    "EXCEPTION_HANDLER_CLASS": "trenddojo.api.handler.ApiExceptionHandler",
    "EXCEPTION_FORMATTER_CLASS": "trenddojo.api.handler.ApiExceptionFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}


def spectacular(*, title: str, version: str) -> dict[str, Any]:
    """The settings of the published schema."""
    return {
        "TITLE": f"{title} API",
        "DESCRIPTION": "Everything a trader can do on the desk, for programs. See docs/api.md for a quick start.",
        "VERSION": version,
        "OAS_VERSION": "3.1.0",
        "SERVE_INCLUDE_SCHEMA": False,
        "SCHEMA_PATH_PREFIX": "/api/v1",
        "COMPONENT_SPLIT_REQUEST": True,
        "COMPONENT_SPLIT_PATCH": True,
        "SORT_OPERATIONS": False,
        "SWAGGER_UI_DIST": "SIDECAR",
        "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
        # Named by us, so that a new choice elsewhere renames nothing.
        "ENUM_NAME_OVERRIDES": {},
        "POSTPROCESSING_HOOKS": ["trenddojo.api.schema.finish"],
    }
