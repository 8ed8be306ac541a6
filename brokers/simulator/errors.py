"""What the front refuses itself, in Alpaca's words; the exchange's own refusals are translated to the same."""

from typing import Any


class SimulatorError(Exception):
    """Something the person at the terminal can put right; its text is the sentence that says how."""


class ApiError(Exception):
    """An answer other than success. `code` is absent from the body where Alpaca sends none."""

    def __init__(self, status: int, code: int | None, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra

    def body(self) -> dict[str, Any]:
        given = {} if self.code is None else {"code": self.code}
        return {**given, "message": self.message, **self.extra}


def unauthorized() -> ApiError:
    return ApiError(401, None, "unauthorized.")


def forbidden() -> ApiError:
    return ApiError(403, None, "forbidden.")


def malformed(message: str) -> ApiError:
    return ApiError(422, 40010001, message)


def not_found(message: str) -> ApiError:
    return ApiError(404, 40410000, message)


def too_many_requests() -> ApiError:
    return ApiError(429, 42910000, "rate limit exceeded")


def duplicate_client_order_id() -> ApiError:
    return malformed("client_order_id must be unique")


def bad_data_request(message: str) -> ApiError:
    """The market data service answers 400 where the trading one answers 422, and sends no code."""
    return ApiError(400, None, message)
