"""A Neo4j server that speaks TLS only, with a certificate made here. Each question is a process of its own, as the driver
leaves it to the end of one to close its connections."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.api.process import headwater
from tests.conftest import require
from tests.servers.certificates import certificate
from tests.servers.neo4j import PASSWORD, Neo4jServer
from tests.servers.process import HOST, NotHere

UNTRUSTED: Final = "Neo4j's certificate is not trusted, or it speaks no TLS there"


@dataclass(frozen=True, slots=True)
class Secured:
    """A server, its certificate, and one of somebody else."""

    port: int
    ca: Path
    other: Path

    def url(self, scheme: str, *, ca: Path | None = None, password: str = PASSWORD, host: str = HOST) -> str:
        trust = "" if ca is None else f"&ca={ca}"
        return f"{scheme}://neo4j:{password}@{host}:{self.port}?timeout=60{trust}"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """With the demo in it."""
    folder = tmp_path_factory.mktemp("secured")
    ours, other = (certificate(folder, name, "neo4j") for name in ("ours", "others"))
    server = Neo4jServer(folder / "home", ours)
    try:
        server.start()
    except NotHere as missing:
        require("neo4j", None, f"no Neo4j here: {missing}")
    made = Secured(server.port, ours[1], other[1])
    loaded = headwater("demo", "--backend", made.url("neo4j+s", ca=made.ca), cwd=folder)
    assert loaded.returncode == 0, loaded.stderr
    yield made
    server.kill()


def refusal(url: str, folder: Path) -> str:
    """What `headwater check` says of it."""
    done = headwater("check", "--backend", url, cwd=folder)
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize("scheme", ["neo4j+s", "bolt+s", "neo4j+ssc", "bolt+ssc"])
def test_store_is_read_by_tls(secured: Secured, scheme: str, tmp_path: Path) -> None:
    url = secured.url(scheme, ca=None if scheme.endswith("c") else secured.ca)
    done = headwater("copy", url, "sqlite:///copy.db", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "copy.db").exists()


@pytest.mark.parametrize("scheme", ["neo4j+s", "bolt+s"])
def test_certificate_that_is_not_trusted_is_a_mistake_in_the_settings(secured: Secured, scheme: str, tmp_path: Path) -> None:
    strangers = (
        secured.url(scheme),  # trusts what the system does
        secured.url(scheme, ca=secured.other),
        secured.url(scheme, ca=secured.ca, host="localhost"),  # the certificate is that of an address
    )
    for url in strangers:
        assert UNTRUSTED in refusal(url, tmp_path)


def test_wrong_password_is_told_as_without_tls(secured: Secured, tmp_path: Path) -> None:
    assert "refuses this user or password" in refusal(secured.url("bolt+s", ca=secured.ca, password="wrong"), tmp_path)


def test_file_of_certificates_must_be_one(secured: Secured, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    assert UNTRUSTED in refusal(secured.url("bolt+s", ca=tmp_path / "empty.pem"), tmp_path)


def test_server_that_wants_tls_does_not_answer_without(secured: Secured, tmp_path: Path) -> None:
    assert "Neo4j does not answer" in refusal(secured.url("bolt"), tmp_path)
