"""Where the text of a request comes from: it is sent, or it is known by an id and only that is sent.

Known are the documents of a manifest, which clients made when they were built, and texts that were sent before together
with their SHA-256 (Apollo's automatic persisted queries). The manifest may also say what is run at all: see `Mode`.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import orjson

from schema.errors import ApiError, Code, bad_input

ID: Final = re.compile(r"sha256:[0-9a-f]{64}|(?:x-[\w.~-]+:)?[\w.~-]+", re.ASCII)
"""The GraphQL over HTTP draft's identifiers: of a text, of one's own with a prefix, of one's own."""
SHA256: Final = "sha256:"
APOLLO: Final = "apollo-persisted-query-manifest"
OVERHEAD: Final = 500
"""Bytes that a remembered text takes beside itself, about; so their number is bounded with their bytes."""
LONGEST: Final = 64 * 1024
"""Characters of a text that is remembered; longer ones are refused as documents."""


class Mode(StrEnum):
    """Whether texts run that are none of the manifest: OFF yes, OBSERVE yes, but someone is told, ENFORCE no."""

    OFF = "off"
    OBSERVE = "observe"
    ENFORCE = "enforce"


class Texts:
    """The texts that are known by an id. What clients bring takes at most `most_bytes`; what was asked for longest ago goes
    first. `untrusted` is told each text that runs, or is refused, and is none of the manifest."""

    def __init__(
        self,
        manifest: Mapping[str, str] | None = None,
        mode: Mode = Mode.OFF,
        *,
        most_bytes: int = 4 << 20,
        untrusted: Callable[[str], None] = lambda text: None,
    ) -> None:
        given = manifest or {}
        self._ids = {id_of(text): text for text in given.values()} | dict(given)
        self._trusted = frozenset(given.values())
        self._mode, self._most_bytes, self._untrusted = mode, most_bytes, untrusted
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._bytes = 0

    def is_trusted(self, text: str) -> bool:
        """Whether a text is one of the manifest, to the letter."""
        return text in self._trusted

    def text_of(self, given: Mapping[str, Any]) -> str:
        """The text that a request means by its `query`, `documentId` or `extensions`. Raises `ApiError`: BAD_INPUT where it
        says none or two, PERSISTED_QUERY_NOT_FOUND for an unknown id, FORBIDDEN for what is not run here."""
        text, named, extensions = given.get("query"), given.get("documentId"), given.get("extensions")
        if text is not None and not isinstance(text, str):
            raise bad_input("`query` is the text of a GraphQL document")
        if extensions is not None and not isinstance(extensions, dict):
            raise bad_input("`extensions` is an object")
        hashed = extensions.get("persistedQuery") if extensions else None
        if named is not None or hashed is not None:
            text = self._identified(text or None, named, hashed)
        elif text is None or not text.strip():
            raise bad_input("`query` is the text of a GraphQL document; or `documentId` names one")
        if self._mode is not Mode.OFF and text not in self._trusted:
            self._untrusted(text)
            if self._mode is Mode.ENFORCE:
                raise ApiError(Code.FORBIDDEN, "only documents that were agreed on are run here", documentId=id_of(text))
        return text

    def _identified(self, text: str | None, named: Any, hashed: Any) -> str:
        key = _named(named) if named is not None else self._hashed(hashed)
        known = self._ids.get(key) or self._kept.get(key)
        if known is None and text is None:
            if self._mode is Mode.ENFORCE:
                raise ApiError(Code.FORBIDDEN, "no document that was agreed on here has this id", documentId=key)
            words = "PersistedQueryNotFound" if named is None else "no document is known here by this id; send its text"
            raise ApiError(Code.PERSISTED_QUERY_NOT_FOUND, words)
        if known is None and not key.startswith(SHA256) and self._mode is not Mode.ENFORCE:
            raise bad_input("this id names no document here, and a text is only known by its own, sha256: and its hash")
        if text is not None and known is None and self._mode is Mode.ENFORCE:
            return text  # its id matters no more: it is trusted, or it is not run
        if text is not None and text != known and (known is not None or id_of(text) != key):
            raise bad_input("the text in `query` is not the one that the id beside it names")
        meant = known if known is not None else text
        assert meant is not None
        if key not in self._ids and self._mode is not Mode.ENFORCE:
            self._keep(key, meant)
        return meant

    def _hashed(self, said: Any) -> str:
        """Apollo's way to name a text. Clients with a manifest may send ids of their own for the hash."""
        if not isinstance(said, dict) or said.get("version") != 1 or not isinstance(said.get("sha256Hash"), str):
            raise bad_input("`extensions.persistedQuery` is an object: version 1 and sha256Hash")
        given: str = said["sha256Hash"]
        return given if given in self._ids else SHA256 + given

    def _keep(self, key: str, text: str) -> None:
        if key in self._kept:
            self._kept.move_to_end(key)
        elif len(text) <= LONGEST:
            self._kept[key] = text
            self._bytes += _size(text)
            while self._bytes > self._most_bytes:
                self._bytes -= _size(self._kept.popitem(last=False)[1])


def id_of(text: str) -> str:
    """The id of a text by itself: the SHA-256 of its UTF-8. Half a surrogate pair, which UTF-8 has not, makes an id too, and
    not that of another text."""
    return SHA256 + sha256(text.encode(errors="surrogatepass")).hexdigest()


def _size(text: str) -> int:
    """The bytes that a text takes, at most: what Python says of it changes with its use."""
    return OVERHEAD + len(text) * (1 if text.isascii() else 4)


def _named(said: Any) -> str:
    if not isinstance(said, str) or not ID.fullmatch(said):
        words = "`documentId` is sha256: and 64 digits in lower case, an id without a colon, or one as x-yours:id"
        raise bad_input(words)
    return said


def manifest_of(content: bytes) -> dict[str, str]:
    """The documents of a manifest by their ids: an object of them, as Relay and GraphQL Code Generator write it, or Apollo's
    list of operations. Raises `ValueError`, which says what is wrong with which document."""
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"this is no JSON: {error}") from None
    if not isinstance(said, dict):
        raise ValueError("this is neither an object of documents by their ids nor a manifest of Apollo's")
    found: dict[str, str] = {}
    for name, text in _operations(said.get("operations")) if said.get("format") == APOLLO else said.items():
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"document {name!r} is not the text of a GraphQL document")
        if not name or (":" in name and not ID.fullmatch(name)):
            raise ValueError(f"document {name!r}: an id with a colon is sha256:… or x-yours:…")
        if name.startswith(SHA256) and name != id_of(text):
            raise ValueError(f"document {name!r}: this is not the SHA-256 of its text, which is {id_of(text)}")
        if found.setdefault(name, text) != text:
            raise ValueError(f"document {name!r} is there twice with different texts")
    return found


def _operations(said: Any) -> list[tuple[str, Any]]:
    if not isinstance(said, list) or not all(isinstance(each, dict) and isinstance(each.get("id"), str) for each in said):
        raise ValueError("`operations` is a list of objects: id, body, name, type")
    return [(each["id"], each.get("body")) for each in said]
