"""What a Gremlin server or the way to it may raise, as our errors: by status code and class of exception, never by text."""

import ssl
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp

from backends.errors import BackendError, Misconfigured, TimedOut, Unavailable
from backends.model import Json

REFUSED: Final = frozenset({401, 403, 407})
BUSY: Final = frozenset({429, 596})
TIME_IS_UP: Final = 598
WRONG_ARGUMENTS: Final = 499
"""All our requests have the same arguments; the one that may be wrong is the traversal source."""
LOCKING: Final = "LockingException"
"""How the classes are named by which those are told who lost a race for a lock; they are no failures of the storage."""
STORAGE: Final = ("org.janusgraph.diskstorage.", "com.datastax.oss.driver.")
"""Where exceptions come from that speak of what is behind the server."""


class ScriptFailed(BackendError):
    """A script raised on the server: `classes` are those of the exceptions, outermost first. `detail` is the server's text,
    for whoever debugs; it may hold what was asked, so it is neither shown nor logged."""

    def __init__(self, message: str, classes: Sequence[str], detail: str = "") -> None:
        super().__init__(message)
        self.classes = tuple(classes)
        self.detail = detail


def error_of(code: int, attributes: Mapping[str, Json]) -> BackendError:
    """The error behind a status."""
    if code in REFUSED:
        return Misconfigured("the store refuses the user or the password")
    if code == TIME_IS_UP:
        return TimedOut("the store stopped the request: it took too long")
    if code == WRONG_ARGUMENTS:
        return Misconfigured("the server has no traversal source of that name: it is what follows the / in the URL")
    classes = [str(name) for name in attributes.get("exceptions") or ()]
    lost = any(name.endswith(LOCKING) for name in classes)
    if code in BUSY or (not lost and any(name.startswith(STORAGE) for name in classes)):
        return Unavailable("the storage behind the store does not answer")
    return ScriptFailed(f"the store could not run the request: status {code}", classes, str(attributes.get("stackTrace")))


def translated(error: Exception) -> BackendError:
    """The error behind one of the connection."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return Misconfigured("the store's certificate is not trusted, or it speaks no TLS there")
        case aiohttp.WSServerHandshakeError() if error.status in REFUSED:
            return Misconfigured("the store refuses the user or the password")
        case aiohttp.WSServerHandshakeError():
            return Misconfigured(f"no Gremlin server answers there: HTTP status {error.status}")
    return Unavailable("the store does not answer")
