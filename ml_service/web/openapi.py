"""The contracts of the routes as OpenAPI 3.1."""

import re
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ml_service import VERSION
from ml_service.web.contracts import Contract, contract_of

REFERENCES = "#/components/schemas/{model}"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["success", "error", "type", "title", "status", "detail", "code", "retryable", "errors"],
    "properties": {
        "success": {"const": False},
        "error": {"type": "string"},
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "retryable": {"type": "boolean"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}

ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["success", "data"],
    "properties": {"success": {"const": True}, "data": {"type": "object"}},
}


def document(app: Flask) -> dict[str, Any]:
    operations = [
        (rule, method, app.view_functions[rule.endpoint])
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
        for method in METHODS
        if rule.methods is not None and method in rule.methods
    ]
    bodies = {body for _, _, view in operations if (body := contract_of(view).body) is not None}
    _, definitions = models_json_schema(
        [(model, "validation") for model in sorted(bodies, key=lambda model: model.__name__)],
        ref_template=REFERENCES,
    )
    paths: dict[str, Any] = {}
    for rule, method, view in operations:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = operation(contract_of(view), view, rule.endpoint, rule.arguments)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Adaptive ML sidecar for trading bots",
            "version": VERSION,
            "description": "May this signal be traded? Decisions, outcomes and the thresholds that learn from them.",
        },
        "paths": paths,
        "components": {
            "schemas": {**definitions.get("$defs", {}), "Problem": PROBLEM, "Answer": ANSWER},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "admin": {"type": "apiKey", "in": "header", "name": "X-Admin-Key"},
            },
        },
    }


def operation(contract: Contract, view: Any, endpoint: str, arguments: set[str]) -> dict[str, Any]:
    summary = (view.__doc__ or "").strip().splitlines()
    told: dict[str, Any] = {
        "operationId": endpoint.rsplit(".", maxsplit=1)[-1],
        "summary": summary[0] if summary else endpoint,
        "parameters": path_parameters(arguments) + query_parameters(contract.query),
        "responses": responses(contract),
        "tags": [endpoint.split(".", maxsplit=1)[0]],
        "security": security(contract),
    }
    if contract.body is not None:
        schema = {"$ref": REFERENCES.format(model=contract.body.__name__)}
        told["requestBody"] = {
            "required": any(field.is_required() for field in contract.body.model_fields.values()),
            "content": {"application/json": {"schema": schema}},
        }
    return told


def path_parameters(arguments: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": 128,
                "pattern": "^[ -~]+$" if name == "trade_id" else "^[!-.0-~]+$",
            },
        }
        for name in sorted(arguments)
    ]


def query_parameters(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema["properties"].items()
    ]


def responses(contract: Contract) -> dict[str, Any]:
    media = "text/plain" if contract.scope == "metrics" else contract.media
    schema: dict[str, Any] = {"type": "string"}
    if media == "application/json":
        schema = {"$ref": REFERENCES.format(model="Answer")} if not contract.raw else {"type": "object"}
    content = {media: {"schema": schema}}
    content |= {other: {"schema": {"type": "string"}} for other in contract.other_media}
    good = {str(contract.success): {"description": contract.answer, "content": content}}
    if contract.in_parts:
        good["206"] = {"description": "The part of a finished file that `Range` asks for.", "content": content}
        good["304"] = {"description": "The file is still the one that `If-None-Match` names."}
    refused = {
        "description": "Refused, or not possible now; the body says what was expected and what was found.",
        "content": {"application/problem+json": {"schema": {"$ref": REFERENCES.format(model="Problem")}}},
    }
    return good | {"4XX": refused, "503": refused}


def security(contract: Contract) -> list[dict[str, list[str]]]:
    match contract.scope:
        case "public":
            return []
        case "admin" | "metrics":
            return [{"admin": []}]
    return [{"key": []}, {"admin": []}]
