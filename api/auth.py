"""Who asks: a request becomes a `Principal`, here and nowhere else. Keys with scopes and OIDC will join this place."""

import hmac
import ipaddress
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import Problem, json_response
from schema.errors import ApiError, Code
from schema.http.requests import headers_of

PUBLIC = frozenset({"/livez", "/readyz", "/healthz"})
"""What answers without a key, for those who watch the service."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request acts for. `name` may be logged."""

    name: str


LONG = 300
"""Bytes of Host and Origin from which on what was found about them is not remembered."""
LOCAL = Principal("local")
"""Anyone on this machine, while no key is set."""
KEYED = Principal("token")
"""Whoever holds HEADWATER_TOKEN."""


class Authenticator:
    """Tells a `Principal` from headers. With a token only its holder is one; without, any local caller is."""

    def __init__(self, token: str | None, origins: Set[str] = frozenset()) -> None:
        """`origins`: those of pages that may ask without a key as well, beside our own."""
        self._token = token.encode() if token is not None else None
        self._origins = frozenset(each.encode() for each in origins)

    def may_say_later(self, scope: Scope) -> bool:
        """Whether the key of a socket may still come with its first message: browsers send no header of ours with it."""
        return self._token is not None and all(name != b"authorization" for name, _ in scope["headers"])

    def admit(self, scope: Scope, payload: Mapping[str, Any]) -> None:
        """Lets a socket in by what its first message says, unless it was let in by its headers. Raises `ApiError`."""
        if "principal" in scope["state"]:
            return
        said = next((value for name, value in payload.items() if name.lower() == "authorization"), "")
        try:
            key = said.encode("utf-8", "replace") if isinstance(said, str) else b""
            scope["state"]["principal"] = self.principal({b"authorization": key})
        except Problem as problem:
            raise ApiError(Code(problem.code), problem.message) from None

    def principal(self, headers: Mapping[bytes, bytes]) -> Principal:
        """Whose headers these are, by names in lower case. Raises `Problem`: 401 without the key, 403 for a page of another
        site that a browser here has open."""
        if self._token is None:
            host, origin = headers.get(b"host", b""), headers.get(b"origin")
            if origin in self._origins:
                origin = None
            look = _foreign if len(host) + len(origin or b"") < LONG else _foreign.__wrapped__
            if (words := look(host, origin)) is not None:
                raise Problem(403, "FORBIDDEN", words)
            return LOCAL
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(key.strip(), self._token):
            raise Problem(
                401,
                "UNAUTHENTICATED",
                "send the service's key as 'Authorization: Bearer KEY'",
                headers={"WWW-Authenticate": 'Bearer realm="headwater"'},
            )
        return KEYED


class Guard:
    """Middleware: only the public routes are reached without a principal, which it leaves as `request.state.principal`."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app, self._authenticator = app, authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["path"].rstrip("/") not in PUBLIC:
            if scope["type"] == "websocket" and self._authenticator.may_say_later(scope):
                await self._app(scope, receive, send)
                return
            try:
                principal = self._authenticator.principal(headers_of(scope))
            except Problem as problem:
                await _refuse(problem, scope, receive, send)
                return
            scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, send)


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 4401, "reason": problem.code})
    elif scope["path"].rstrip("/") == "/graphql":
        # A GraphQL client looks for `errors`, whatever the status.
        value = {"errors": [{"message": problem.message, "extensions": {"code": problem.code}}]}
        await json_response(value, problem.status, problem.headers)(scope, receive, send)
    else:
        await problem.response()(scope, receive, send)


@lru_cache(256)
def _foreign(host: bytes, origin: bytes | None) -> str | None:
    """Why a request is refused whose Host and Origin are these, None where it is not.

    Without a key, being on this machine is the permission, and a web page open in a browser here has it too.

    So what a page of another origin sends is refused; and since a page can point its own host name at 127.0.0.1 (DNS
    rebinding), so is a Host that someone could have registered: one with a dot that is no address and not reserved."""
    name = host.decode("latin-1")
    if origin is not None and urlsplit(origin.decode("latin-1")).netloc != name:
        return "pages of this origin may not ask without a key: see HEADWATER_ORIGINS and HEADWATER_TOKEN"
    if "," in name or not _is_private_name(urlsplit(f"//{name}").hostname or ""):  # a comma: Host came twice
        return "without HEADWATER_TOKEN this service answers to local names and addresses only"
    return None


def _is_private_name(name: str) -> bool:
    if "." not in name or name.rstrip(".").endswith((".localhost", ".internal", ".local")):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
