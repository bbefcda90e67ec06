"""A Gremlin server that speaks TLS and asks who one is: TinkerPop's own, with a certificate made here."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from backends.errors import BackendError, Misconfigured, Unavailable
from backends.model import Direction
from backends.registry import open_backend
from backends.testing.graphs import arrows, stated
from backends.testing.reading import ask
from tests.backends.gremlin_support import PATIENT, deadline
from tests.conftest import require
from tests.servers.certificates import certificate
from tests.servers.gremlin import SECURED, TinkerPopServer
from tests.servers.process import HOST, NotHere

__all__ = ["deadline"]
USER: Final = "lineage"
PASSWORD: Final = "a:b/c@d"
USERS: Final = (
    '{"id":{"@type":"g:Int64","@value":0},"label":"user","properties":{'
    '"username":[{"id":{"@type":"g:Int64","@value":1},"value":"lineage"}],'
    '"password":[{"id":{"@type":"g:Int64","@value":2},'
    '"value":"$2a$04$WB3EtvqIHfnaxOZ6pwnuzOJpa5UA2HbrIp5HAwf2I6D02ZKedNMXO"}]}}'
)
"""As a graph, which is how the server keeps whom it lets in: `USER`, and `PASSWORD` by bcrypt."""


@dataclass(frozen=True, slots=True)
class Secured:
    """A server, its certificate, and one of somebody else."""

    port: int
    ca: Path
    other: Path

    def url(self, *, password: str = PASSWORD, ca: Path | None = None, host: str = HOST) -> str:
        login = f"{USER}:{quote(password, safe='')}@"
        return f"gremlins://{login}{host}:{self.port}/g?dialect=tinkerpop{PATIENT}&ca={ca or self.ca}"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    key, ca = certificate(folder, "ours", "janusgraph")
    store = folder / "store.p12"
    command = f"openssl pkcs12 -export -passout pass:secret -in {ca} -inkey {key} -out {store}"
    subprocess.run(command.split(), check=True, capture_output=True)
    (folder / "users.json").write_text(USERS)
    (folder / "users.properties").write_text(
        "gremlin.graph=org.apache.tinkerpop.gremlin.tinkergraph.structure.TinkerGraph\n"
        "gremlin.tinkergraph.vertexIdManager=LONG\n"
        "gremlin.tinkergraph.graphFormat=graphson\n"
        f"gremlin.tinkergraph.graphLocation={folder / 'users.json'}\n"
    )
    server = TinkerPopServer(folder / "home")
    server.more = SECURED.format(store=store, secret="secret", credentials=folder / "users.properties")
    try:
        server.start()
    except NotHere as missing:
        require("janusgraph", None, f"no Gremlin server here: {missing}")
    yield Secured(server.port, ca, certificate(folder, "others", "janusgraph")[1])
    server.kill()


async def refusal(url: str) -> BackendError:
    """How opening it ends."""
    with pytest.raises(BackendError) as raised:
        async with open_backend(url):
            pass
    return raised.value


async def test_store_is_written_and_read_by_tls_with_a_password(secured: Secured) -> None:
    async with open_backend(secured.url()) as store:
        await store.apply(stated(arrows("a-b b-c")))
        assert (await ask(store, "a", Direction.DOWNSTREAM)).arrows == "a-b b-c"


@pytest.mark.parametrize("password", ["wrong", PASSWORD + "x", quote(PASSWORD, safe="")])
async def test_wrong_password_is_a_mistake_in_the_settings(secured: Secured, password: str) -> None:
    error = await refusal(secured.url(password=password))
    assert type(error) is Misconfigured
    assert str(error) == "the store refuses the user or the password", "nothing of the server's text, nor what was typed"


async def test_unknown_user_and_none_are_refused_alike(secured: Secured) -> None:
    for login in ("nobody:secret@", ""):
        url = secured.url().replace(f"{USER}:{quote(PASSWORD, safe='')}@", login)
        error = await refusal(url)
        assert type(error) is Misconfigured
        assert str(error) == "the store refuses the user or the password"


async def test_certificate_that_is_not_trusted_is_a_mistake_in_the_settings(secured: Secured) -> None:
    system = secured.url().partition("&ca=")[0]
    stranger = secured.url(host="localhost")  # the certificate is that of an address
    for url in (secured.url(ca=secured.other), system, stranger):
        error = await refusal(url)
        assert type(error) is Misconfigured
        assert str(error) == "the store's certificate is not trusted, or it speaks no TLS there"


async def test_file_of_certificates_must_be_one(secured: Secured, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for wrong in (tmp_path / "empty.pem", tmp_path / "missing.pem"):
        assert type(await refusal(secured.url(ca=wrong))) is Misconfigured


async def test_server_that_wants_tls_does_not_answer_without(secured: Secured) -> None:
    plain = secured.url().partition("&ca=")[0].replace("gremlins:", "gremlin:")
    assert type(await refusal(plain)) is Unavailable
