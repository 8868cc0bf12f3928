"""Errors of requests: a status of HTTP, a stable code for programs, and a line for people."""

import traceback
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails, to_json
from starlette.requests import Request
from starlette.responses import Response

from ner.data.lines import short
from ner.display import one_line
from ner.errors import ConfigError, DataError, NerError, TaskError
from ner.messages import logger
from ner.rules.matching import SlowPatternError

# Seconds after which somebody who was refused may try again.
RETRY_AFTER = 1

# Errors that all routes share, by status: the code, and the message.
BY_STATUS = {
    404: ("not_found", "url: must be one of /openapi.json. Got another one."),
    405: ("method_not_allowed", "method: must be the one in /openapi.json. Got another one."),
}


class ServiceError(Exception):
    """A request that is refused.

    Args:
        status: The status of HTTP.
        code: A stable name of the reason, for programs.
        message: What must hold, for people, in one line.
        headers: Further headers of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})


def busy(status: int, code: str, message: str) -> ServiceError:
    """Return an error after which the same request may succeed later."""
    return ServiceError(status, code, message, {"Retry-After": str(RETRY_AFTER)})


def queue_full() -> ServiceError:
    """Return the error for a request that finds too many others waiting."""
    return busy(429, "queue_full", "service: too many requests wait. Try again later.")


def of_model(error: Exception, where: str) -> ServiceError:
    """Return the error for what a model raised.

    A mistake in the request has its own words. Another error may quote a text, so only its type is
    told.
    """
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, SlowPatternError):
        logger.error("%s", error)
        message = f"{where}: must be searched by the rules in time. Got one that takes too long."
        return ServiceError(422, "slow_rules", message)
    if isinstance(error, NerError):
        codes = {TaskError: "wrong_task", ConfigError: "invalid_option", DataError: "invalid_spans"}
        code = next((code for kind, code in codes.items() if isinstance(error, kind)), None)
        if code is not None:
            return ServiceError(422, code, f"{where}: {error}")
    log_failure(where, error)
    name = type(error).__name__
    return ServiceError(500, "model_failed", f"{where}: the model failed on it. Got {name}.")


def log_failure(where: str, error: Exception) -> None:
    """Log where an error was raised. Its message is not logged: it may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
    logger.error("%s: %s at %s.", where, type(error).__name__, place)


def of_validation(error: ValidationError) -> ServiceError:
    """Return the error for a body that is no JSON, or none of the right shape."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "json_invalid":
        reason = first["msg"].removeprefix("Invalid JSON: ")
        return ServiceError(400, "invalid_json", f"body: must be JSON. Got {one_line(reason)}.")
    code = "unknown_field" if first["type"] == "extra_forbidden" else "invalid_value"
    return ServiceError(422, code, f"{one_line(place) or 'body'}: {_expected(first)}")


def _expected(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "must be a field of /openapi.json. Got another name."
    message = error["msg"].removeprefix("Value error, ").rstrip(".")
    if error["type"] == "missing":
        return "must be there. Got a body without it."
    must = message.removeprefix("Input should ").removeprefix("be ")
    return f"must be {one_line(must)}. Got {one_line(short(error['input']))}."


def error_response(error: ServiceError) -> Response:
    """Return the answer to a request that is refused."""
    body = to_json({"error": {"code": error.code, "message": error.message}})
    return Response(body, error.status, error.headers, "application/json")


async def respond_to_error(_: Request, error: Exception) -> Response:
    """Return the answer for an exception of a route, or of the framework.

    It is a coroutine so that it runs on the loop: Starlette has up to 40 threads for functions, and
    these would keep the loop waiting when most requests are refused.
    """
    if isinstance(error, ServiceError):
        return error_response(error)
    status = getattr(error, "status_code", 500)
    code, message = BY_STATUS.get(status, ("bad_request", "request: cannot be answered."))
    return error_response(ServiceError(status, code, message, getattr(error, "headers", None)))
