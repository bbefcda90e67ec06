"""Pages of other origins: what browsers are told, so that those of HEADWATER_ORIGINS may ask and read the answers."""

from collections.abc import Set
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

METHODS: Final = ("GET", "POST")
SHOWN: Final = ("ETag", "Retry-After", "X-Request-Id")
"""Headers of answers that a page may read beside those that any may."""


def across_origins(app: ASGIApp, origins: Set[str]) -> ASGIApp:
    """The application with CORS around all of it, errors and refusals included; `*` among the origins is any.

    Any header may be sent: what clients add (`traceparent`, `apollographql-client-name` ...) is theirs to choose, and none
    lets anybody in but `Authorization`, which a page has to know. Cookies, which a proxy before the service may ask for,
    come along from pages that are named, never from any."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=("*",),
        allow_credentials="*" not in origins,
        allow_private_network=True,  # some browsers ask before a page of the internet may ask a service of the house
        expose_headers=SHOWN,
    )
