"""The API, told: valid OpenAPI 3.1 with every route, and a page to read."""

import html
import re
from typing import Any

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.web.desk import Desk


@pytest.fixture
def api(desk: Desk) -> dict[str, Any]:
    answer = desk.call("GET", "/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    document: dict[str, Any] = orjson.loads(answer.data)
    return document


def operations(api: dict[str, Any]) -> list[dict[str, Any]]:
    return [told for methods in api["paths"].values() for told in methods.values()]


def test_the_document_is_valid_openapi_3_1(api: dict[str, Any]) -> None:
    assert api["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(api).iter_errors()) == []


def test_every_route_and_method_is_in_it_and_nothing_else(desk: Desk, api: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in desk.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert {(path, method) for path, methods in api["paths"].items() for method in methods} == routes


def test_every_operation_has_a_name_of_its_own(api: dict[str, Any]) -> None:
    names = [told["operationId"] for told in operations(api)]

    assert len(names) == len(set(names))


def test_every_operation_says_what_it_does_and_who_may_call_it(api: dict[str, Any]) -> None:
    assert all(told["summary"] and "security" in told and told["responses"] for told in operations(api))
    open_to_all = {path for path, methods in api["paths"].items() for told in methods.values() if not told["security"]}
    assert open_to_all == {"/livez", "/readyz", "/health", "/openapi.json", "/docs"}


def test_the_contract_of_the_bot_is_in_it(api: dict[str, Any]) -> None:
    body = api["components"]["schemas"]["SignalBody"]["properties"]

    assert {"symbol", "confidence", "rsi", "change_percent", "volume", "action", "macd", "ma_crossover"} <= set(body)
    parameters = {one["name"] for one in api["paths"]["/api/v1/decisions/{user_id}"]["get"]["parameters"]}
    assert parameters == {"user_id", "limit", "cursor", "symbol", "since", "until", "kind"}


def test_the_page_shows_every_path(desk: Desk, api: dict[str, Any]) -> None:
    page = desk.call("GET", "/docs")

    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    assert all(f"<code>{html.escape(path)}</code>" in page.text for path in api["paths"])


def test_the_page_needs_nothing_from_elsewhere(desk: Desk) -> None:
    page = desk.call("GET", "/docs").text

    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
