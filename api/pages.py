"""The plain pages: what is here, and the numbers for Prometheus."""

import asyncio
from html import escape

from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.health import PING_SECONDS
from api.metrics import Metrics
from api.version import VERSION
from backends.base import LineageBackend
from backends.errors import BackendError

ADDRESSES = (
    ("/graphql", "the lineage API: POST a GraphQL query as application/json; in a browser, a page to ask from"),
    ("/api/v1/lineage", "OpenLineage: POST one event (set OPENLINEAGE_URL to this service's address)"),
    ("/api/v1/lineage/batch", "OpenLineage: POST an array of events, or NDJSON as application/x-ndjson"),
    ("/readyz", "200 when it can answer"),
    ("/livez", "200 while it runs"),
    ("/metrics", "for Prometheus"),
)
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Headwater</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}}
td{{padding:.2rem 1rem .2rem 0;vertical-align:top}}</style>
<h1>Headwater {version}</h1><p>Where does this number come from, and what breaks if I change it?</p>
<table>{rows}</table></html>
"""


async def index(request: Request) -> Response:
    """Names the addresses; the explorer will live here."""
    rows = "".join(f"<tr><td><code>{escape(path)}</code><td>{escape(what)}" for path, what in ADDRESSES)
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return HTMLResponse(PAGE.format(version=escape(VERSION), rows=rows), headers=headers)


async def metrics(request: Request) -> Response:
    """All instruments, in the text format asked for. The epoch is read now, and stays as it was where it cannot be."""
    instruments: Metrics = request.state.metrics
    backend: LineageBackend = request.state.backend
    try:
        async with asyncio.timeout(PING_SECONDS):
            log = await backend.changes_since(None)
    except (BackendError, TimeoutError):
        pass
    else:
        instruments.epoch.set(log.epoch.seq)
        if log.watermark is not None:
            instruments.watermark.set(log.watermark / 1e6)
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(instruments.registry), headers={"Content-Type": content_type})
