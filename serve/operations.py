"""The routes for whoever runs or uses the service: GET /metrics and GET /docs."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

from serve.metrics import CONTENT_TYPE, Metrics

# The page is its own text and style, and loads nothing from anywhere.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
h2 { font: 600 1.1rem ui-monospace, monospace; margin-top: 2rem }
pre { white-space: pre-wrap; font: inherit } dt { font-family: ui-monospace, monospace }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd } a { color: #8bf } }
"""

router = APIRouter(tags=["operations"])


@router.get("/metrics", summary="Numbers for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Counters, gauges and histograms in Prometheus' text format."""
    numbers: Metrics = request.app.state.metrics
    return Response(numbers.text(), headers={"Content-Type": CONTENT_TYPE})


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """Every route as a page that loads nothing: FastAPI's own one needs scripts from afar."""
    page = listing(request.app.openapi())
    headers = {"Content-Security-Policy": POLICY}
    return Response(page, media_type="text/html", headers=headers)


def listing(schema: dict[str, Any]) -> str:
    """The routes of an OpenAPI schema as HTML."""
    title = escape(schema["info"]["title"])
    routes = "".join(
        _route(method, path, told)
        for path, methods in schema["paths"].items()
        for method, told in methods.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}: routes</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(schema['info'].get('description', ''))}</p>"
        f'<p>For programs: <a href="openapi.json">openapi.json</a></p>{routes}</html>'
    )


def _route(method: str, path: str, told: dict[str, Any]) -> str:
    taken = [(each["name"], each.get("description", "")) for each in told.get("parameters", [])]
    bodies = ", ".join(told.get("requestBody", {}).get("content", {}))
    answers = [(code, each["description"]) for code, each in told.get("responses", {}).items()]
    return (
        f"<h2>{escape(method.upper())} {escape(path)}</h2><p>{escape(told.get('summary', ''))}</p>"
        f"<pre>{escape(told.get('description', ''))}</pre>{_list('Takes', taken)}"
        f"{f'<p>Body: {escape(bodies)}</p>' if bodies else ''}{_list('Answers', answers)}"
    )


def _list(title: str, entries: list[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{escape(name)}<dd>{escape(text)}" for name, text in entries)
    return f"<p>{title}:</p><dl>{rows}</dl>" if rows else ""
