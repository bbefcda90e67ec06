"""GraphiQL: the page at /graphql for people in a browser, and its files. `ui/graphiql` holds where they are built from.

Everyone may load it, for there is nothing in it but itself: what it asks goes through the same door as any other request.
"""

import re
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from schema.http.requests import GRAPHQL_JSON, JSON, LONGEST, weights

BUILT: Final = Path(__file__).parents[1] / "ui" / "graphiql" / "dist"
PAGES: Final = ("/graphql", "/graphql/")
ASSETS: Final = "/graphiql/assets/"
METHODS: Final = frozenset({"GET", "HEAD"})
_ASSET = re.compile(r"[\w.-]+\.(?:js|css|ttf)", re.ASCII)
_MEDIA = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".ttf": "font/ttf"}
_ASKS = re.compile(rb"(?:^|&)(?:query|documentId|extensions)=")
_COMMON = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
_PAGE = _COMMON | {
    # Nothing from anywhere else, and nothing sent anywhere else. Monaco, the editor in it, writes its styles into the page;
    # the fonts are in the style sheet.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
    "Vary": "Accept",
}
_ASSET_HEADERS = _COMMON | {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
"""A file's name has the hash of what is in it."""
UNBUILT: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Headwater</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}
</style>
<h1>GraphiQL is not built</h1>
<p>This is the GraphQL API: it is asked with POST, and the documents show how. The page to ask it from a browser has to be
built once, which takes Node 20.19 or later and half a minute:</p><pre>make graphiql</pre>
<p>Then load this page again. <code>HEADWATER_GRAPHIQL=0</code> turns it off.</p></html>
"""


class WithGraphiQL:
    """Middleware: answers browsers that open /graphql without a query, and what their page loads."""

    def __init__(self, app: ASGIApp, folder: Path = BUILT) -> None:
        self._app, self._folder = app, folder

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] in METHODS:
            answer = self._page(scope) if scope["path"] in PAGES else self._asset(scope)
            if answer is not None:
                return answer(scope, receive, send)
        return self._app(scope, receive, send)

    def _page(self, scope: Scope) -> Response | None:
        if _ASKS.search(scope["query_string"]) or not wants_page(_header(scope, b"accept")):
            return None
        page = self._folder / "index.html"
        return FileResponse(page, headers=_PAGE) if page.is_file() else HTMLResponse(UNBUILT, headers=_PAGE)

    def _asset(self, scope: Scope) -> Response | None:
        name = scope["path"].removeprefix(ASSETS)
        if name == scope["path"] or not _ASSET.fullmatch(name):
            return None
        file = self._folder / "assets" / name
        packed = file.with_name(f"{name}.gz")
        headers = _ASSET_HEADERS
        if weights(_header(scope, b"accept-encoding")).get("gzip", 0) > 0 and packed.is_file():
            file, headers = packed, headers | {"Content-Encoding": "gzip"}
        return FileResponse(file, headers=headers, media_type=_MEDIA[Path(name).suffix]) if file.is_file() else None


def wants_page(accept: bytes) -> bool:
    """Whether a client would rather have a page than JSON: it names text/html, with more weight."""
    taken = weights(accept)
    anything = taken.get("application/*", taken.get("*/*", 0.0))
    return taken.get("text/html", 0.0) > max(taken.get(JSON, anything), taken.get(GRAPHQL_JSON, anything))


def _header(scope: Scope, name: bytes) -> bytes:
    return b",".join(value for key, value in scope["headers"] if key == name)[:LONGEST]
