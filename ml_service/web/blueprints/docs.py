"""The API, for programs and for people."""

import html
from typing import Any

import orjson
from flask import Blueprint, Response, current_app

from ml_service.web.contracts import contract
from ml_service.web.openapi import document
from ml_service.web.wire import JSON

docs = Blueprint("docs", __name__)

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc } code, pre { font-size: 14px; background: #f4f4f4 }
pre { padding: .75rem; overflow-x: auto } .method { display: inline-block; width: 4.5rem; font-weight: 600 }
details { margin: .5rem 0 } summary { cursor: pointer } .muted { color: #666 }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd } code, pre { background: #252525 } }
"""


@docs.get("/openapi.json")
@contract("public", "free", answer="The OpenAPI 3.1 document.", raw=True)
def openapi() -> Response:
    """The API as OpenAPI 3.1."""
    return Response(built()[0], content_type=JSON)


@docs.get("/docs")
@contract("public", "free", answer="A page to read.", media="text/html")
def page() -> Response:
    """The API as a page."""
    return Response(built()[1], content_type="text/html; charset=utf-8")


def built() -> tuple[bytes, str]:
    """The document and the page. They do not change while the process lives, so they are made once."""
    found = current_app.extensions.get("docs")
    if found is None:
        api = document(current_app)
        found = current_app.extensions["docs"] = (orjson.dumps(api), rendered(api))
    made: tuple[bytes, str] = found
    return made


def rendered(api: dict[str, Any]) -> str:
    groups: dict[str, list[str]] = {}
    for path, methods in api["paths"].items():
        for method, told in methods.items():
            groups.setdefault(told["tags"][0], []).append(operation(path, method, told, api))
    body = "".join(f"<h2>{html.escape(name.replace('_', ' '))}</h2>{''.join(rows)}" for name, rows in groups.items())
    info = api["info"]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(info['title'])}</title>"
        f"<meta name=viewport content='width=device-width'><style>{STYLE}</style>"
        f"<h1>{html.escape(info['title'])}</h1><p>{html.escape(info['description'])}</p>"
        f"<p class=muted>Version {info['version']}. For programs: <a href=/openapi.json>/openapi.json</a>.</p>{body}"
    )


def operation(path: str, method: str, told: dict[str, Any], api: dict[str, Any]) -> str:
    key = "no key" if not told["security"] else "key: " + " or ".join(name for one in told["security"] for name in one)
    rows = [
        f"<li><code>{html.escape(one['name'])}</code> ({one['in']}{', needed' if one['required'] else ''})</li>"
        for one in told["parameters"]
    ]
    parameters = f"<ul>{''.join(rows)}</ul>" if rows else ""
    body = ""
    if "requestBody" in told:
        name = told["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        shown = orjson.dumps(api["components"]["schemas"][name], option=orjson.OPT_INDENT_2).decode()
        body = f"<p>Body: {html.escape(name)}</p><pre>{html.escape(shown)}</pre>"
    good = next(iter(told["responses"].values()))["description"]
    return (
        f"<details><summary><span class=method>{method.upper()}</span> <code>{html.escape(path)}</code>"
        f" {html.escape(told['summary'])}</summary><p class=muted>{key}</p>{parameters}{body}"
        f"<p>Answer: {html.escape(good)}</p></details>"
    )
