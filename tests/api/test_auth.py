"""Who is let in: the holder of the key, or without one whoever is on this machine and no page of another site."""

import pytest

from api.auth import KEYED, LOCAL, Authenticator
from api.problems import Problem


def ask(token: str | None, **headers: str) -> object:
    """The principal of such headers, or the status of the refusal."""
    try:
        given = {"host": "127.0.0.1:8000"} | headers
        return Authenticator(token).principal({name.encode(): value.encode("latin-1") for name, value in given.items()})
    except Problem as problem:
        return problem.status


@pytest.mark.parametrize("given", ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret ", "Bearer s3cret "])
def test_the_key_lets_in(given: str) -> None:
    assert ask("s3cret", authorization=given) == KEYED


@pytest.mark.parametrize(
    "given",
    ["", "s3cret", "Bearer", "Bearer ", "Bearer S3cret", "Bearer s3cre", "Bearer s3crets", "Basic s3cret", "Bearer s3crét"],
)
def test_anything_else_does_not(given: str) -> None:
    assert ask("s3cret", authorization=given) == 401
    assert ask("s3cret") == 401


def test_a_refusal_says_how_to_ask() -> None:
    with pytest.raises(Problem) as raised:
        Authenticator("s3cret").principal({})
    assert raised.value.headers["WWW-Authenticate"].startswith("Bearer")
    assert raised.value.code == "UNAUTHENTICATED"


def test_with_the_key_pages_of_any_site_may_ask_since_a_browser_does_not_send_it_by_itself() -> None:
    headers = {"authorization": "Bearer s3cret", "origin": "https://app.example.org", "host": "lineage.example.org"}
    assert ask("s3cret", **headers) == KEYED


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "headwater", "host.docker.internal:8000", "192.168.1.7", ""]
)
def test_without_a_key_local_names_and_addresses_are_served(host: str) -> None:
    assert ask(None, host=host) == LOCAL


@pytest.mark.parametrize("host", ["evil.example.org:8000", "127.0.0.1.nip.io", "localhost.example.org", "localhost, evil"])
def test_without_a_key_a_name_someone_may_own_is_refused(host: str) -> None:
    """A page of evil.example.org whose name is pointed at 127.0.0.1 is of one origin with the service for the browser."""
    assert ask(None, host=host) == 403


@pytest.mark.parametrize("origin", ["https://evil.example.org", "null", "http://127.0.0.1:9999", "http://localhost:8000"])
def test_without_a_key_pages_of_other_origins_are_refused(origin: str) -> None:
    assert ask(None, origin=origin) == 403


def test_without_a_key_our_own_page_is_served() -> None:
    assert ask(None, origin="http://127.0.0.1:8000") == LOCAL
