"""The gateway's own description (OpenAPI 3.1): made from the notifications' schemas, so that it cannot differ."""

from functools import cache
from importlib.metadata import version
from typing import Any

from schemas.json_schemas import notification_schema
from schemas.notifications import NOTIFICATION_TYPES, type_name

_ANSWERS = {
    "202": "Acknowledged by Kafka.",
    "400": "No notification, or one that the worker would refuse: reason and field, nothing was sent.",
    "401": "Nobody we know.",
    "403": "An account that this client may not speak for.",
    "408": "The body did not come.",
    "413": "More than 1 MiB.",
    "429": "Too much is on its way.",
    "503": "Kafka did not acknowledge: send again.",
}


def _header(name: str, words: str) -> dict[str, str]:
    return {"type": "apiKey", "in": "header", "name": name, "description": words}


@cache
def openapi() -> dict[str, Any]:
    """The document."""
    schemas = {type_name(one): notification_schema(one) for one in NOTIFICATION_TYPES}
    for schema in schemas.values():  # within this document they are no roots
        schema.pop("$schema", None)
        schema.pop("$id", None)
    one = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in sorted(schemas)]}
    answers = {status: {"description": words} for status, words in _ANSWERS.items()}
    content = {
        "application/json": {"schema": {"oneOf": [one, {"type": "array", "items": one, "maxItems": 500}]}},
        "application/cloudevents+json": {"schema": {"type": "object", "properties": {"data": one}}},
        "application/cloudevents-batch+json": {"schema": {"type": "array", "items": {"type": "object"}}},
    }
    hook = {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in ("provider", "path")
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": answers,
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "dueclock gateway", "version": version("dueclock")},
        "paths": {
            "/v1/notifications": {
                "post": {
                    "requestBody": {"required": True, "content": content},
                    "responses": answers,
                    "security": [{"bearer": []}, {"client": [], "timestamp": [], "signature": []}],
                }
            },
            "/v1/hooks/{provider}/{path}": {"post": hook},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "client": _header("X-Dueclock-Client", "The client's name."),
                "timestamp": _header("X-Dueclock-Timestamp", "Seconds since 1970, at most 300 from now."),
                "signature": _header(
                    "X-Dueclock-Signature",
                    "`sha256=` and, in hex, the HMAC-SHA256 of `<timestamp>.<body>` with the client's secret.",
                ),
            },
        },
    }
