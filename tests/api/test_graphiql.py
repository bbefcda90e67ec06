"""GraphiQL's page and files as they are served; tests/outside has it in a browser."""

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse

from api.graphiql import WithGraphiQL, wants_page
from tests.api.service import BASE, service

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
SCRIPT = b"console.log('headwater')\n" * 100


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as the build leaves it, beside something that is no business of anyone."""
    (tmp_path / "secret.js").write_text("secret")
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>the page</title>")
    (folder / "assets" / "index-abc123.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-abc123.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "assets" / "index-abc123.css").write_text("body {}")
    (folder / "assets" / "notes.txt").write_text("notes")
    return folder


@asynccontextmanager
async def page(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = WithGraphiQL(PlainTextResponse("the API"), folder)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        yield client


@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
async def test_a_browser_gets_the_page_and_may_load_nothing_from_elsewhere(built: Path, path: str) -> None:
    async with page(built) as client:
        given = await client.get(path, headers={"accept": BROWSER})
        assert (given.status_code, "the page" in given.text) == (200, True)
        assert given.headers["content-type"] == "text/html; charset=utf-8"
        assert (given.headers["cache-control"], given.headers["vary"]) == ("no-cache", "Accept")
        policy = dict(each.strip().split(" ", 1) for each in given.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == policy["worker-src"] == "'self'"
        assert not [each for each in policy.values() if "*" in each or "http" in each]
        head = await client.head(path, headers={"accept": BROWSER})
        assert (head.status_code, head.content, head.headers["content-length"]) == (
            200,
            b"",
            given.headers["content-length"],
        )


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        *(
            (BROWSER, True),
            ("text/html", True),
            ("TEXT/HTML;q=0.9, */*;q=0.1", True),
            ("text/html, application/json;q=0.9", True),
        ),
        *(
            ("", False),
            ("*/*", False),
            ("text/*", False),
            ("application/json", False),
            ("text/html, application/json", False),
        ),
        *(
            ("text/html;q=0.5, */*", False),
            ("text/html;q=0", False),
            ("text/html, application/graphql-response+json", False),
        ),
    ],
)
def test_who_would_rather_have_a_page(accept: str, page: bool) -> None:
    assert wants_page(accept.encode()) is page


async def test_whoever_asks_something_gets_an_answer(built: Path) -> None:
    async with page(built) as client:
        for text in ("query={a}", "documentId=x", "extensions={}", "a=b&query={a}"):
            assert (await client.get(f"/graphql?{text}", headers={"accept": BROWSER})).text == "the API"
        assert "the page" in (await client.get("/graphql?utm_query=1", headers={"accept": BROWSER})).text
        assert (await client.post("/graphql", headers={"accept": BROWSER})).text == "the API"
        assert (await client.get("/other", headers={"accept": BROWSER})).text == "the API"


async def test_files_are_kept_for_ever_and_come_packed(built: Path) -> None:
    async with page(built) as client:
        for accept, packing in (("gzip", "gzip"), ("br, gzip;q=0.5", "gzip"), ("", None), ("gzip;q=0", None)):
            given = await client.get("/graphiql/assets/index-abc123.js", headers={"accept-encoding": accept})
            assert (given.status_code, given.content) == (200, SCRIPT)
            assert given.headers.get("content-encoding") == packing
            assert given.headers["content-type"] == "text/javascript; charset=utf-8"
            assert "immutable" in given.headers["cache-control"]
            assert given.headers["vary"] == "Accept-Encoding"
        given = await client.get("/graphiql/assets/index-abc123.css", headers={"accept-encoding": "gzip"})
        assert (given.text, "content-encoding" in given.headers) == ("body {}", False)


@pytest.mark.parametrize(
    "path",
    ["absent.js", "notes.txt", "index-abc123.js.gz", "", "..", "../../secret.js", "%2e%2e/%2e%2e/secret.js", "..%2fx.js"],
)
async def test_nothing_else_is_served(built: Path, path: str) -> None:
    async with page(built) as client:
        assert (await client.get(f"/graphiql/assets/{path}")).text == "the API"


async def test_where_it_is_not_built_the_page_says_how(tmp_path: Path) -> None:
    async with page(tmp_path) as client:
        given = await client.get("/graphql", headers={"accept": BROWSER})
        assert (given.status_code, "make graphiql" in given.text) == (200, True)
        assert "default-src 'none'" in given.headers["content-security-policy"]
        assert (await client.get("/graphiql/assets/index-abc123.js")).text == "the API"


async def test_the_page_needs_no_key_and_what_it_asks_does() -> None:
    async with service(token="t0ken") as client:
        assert (await client.get("/graphql", headers={"accept": BROWSER})).headers["content-type"].startswith("text/html")
        assert (await client.get("/graphql?query={__typename}", headers={"accept": BROWSER})).status_code == 401
        assert (await client.get("/graphql")).status_code == 401
        assert (await client.get("/graphiql/assets/absent.js")).status_code == 401


async def test_it_can_be_turned_off() -> None:
    async with service(graphiql=False) as client:
        given = await client.get("/graphql", headers={"accept": BROWSER})
        assert (given.status_code, given.headers["content-type"]) == (400, "application/json")
