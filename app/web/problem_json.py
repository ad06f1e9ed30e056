"""Errors of the API, as RFC 9457 writes them down."""

from http import HTTPStatus
from typing import Any

from flask import Response, jsonify
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

CONTENT_TYPE = "application/problem+json"
API = "/api/v1"
"""What all paths of the API begin with."""

_BLANK = "about:blank"


class Problem(BaseModel):
    """What went wrong; ``detail`` says it of this very request, and what to do."""

    type: str = _BLANK
    title: str
    status: int
    detail: str | None = None


def problem(status: int, detail: str | None, headers: Any = ()) -> Response:
    """An answer that says what went wrong."""
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    answer = jsonify(told.model_dump(exclude_none=True))
    answer.status_code, answer.content_type = status, CONTENT_TYPE
    answer.headers.extend(headers)
    return answer


def of_http(error: HTTPException) -> Response:
    """An answer for an error of HTTP itself, with the headers that belong to it."""
    names = {"allow", "content-range", "retry-after", "www-authenticate"}
    headers = [each for each in error.get_headers() if each[0].lower() in names]
    return problem(error.code or 500, error.description, headers)


def of_validation(error: ValidationError) -> Response:
    """An answer for parameters that are wrong: which, and what is allowed, never their values."""
    said = [
        f"{'.'.join(map(str, each['loc'])) or 'the request'}: {each['msg']}"
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return problem(422, "; ".join(said))


def declared(*statuses: int) -> dict[str | int, Any]:
    """These errors, for the description of an operation."""
    schema = Problem.model_json_schema()
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {CONTENT_TYPE: {"schema": schema}},
        }
        for status in statuses
    }
