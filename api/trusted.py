"""Trusted documents: the manifest is read and checked at the start, and what is none of it is counted and logged."""

import logging
from pathlib import Path

from api.logs import log
from api.metrics import Metrics
from api.settings import BadSetting, Settings
from schema.http.documents import Mode, Texts, id_of, manifest_of
from schema.service import LineageSchema

MOST_LOGGED = 1_000
"""Different documents that are logged; further ones are counted only."""
MOST_BYTES = 64 << 20
"""Of a manifest: more is a mistake."""


def manifest_in(settings: Settings, schema: LineageSchema) -> dict[str, str]:
    """The documents of HEADWATER_DOCUMENTS_FILE by their ids; none where it is unset. Raises `BadSetting` where it cannot be
    read, or where one of them is nothing that this schema runs."""
    if settings.documents_file is None:
        return {}
    said = f"HEADWATER_DOCUMENTS_FILE ({settings.documents_file})"
    path = Path(settings.documents_file)
    try:
        content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
    except OSError as error:
        raise BadSetting(f"{said} cannot be read: {error.strerror}") from None
    if content is None:
        raise BadSetting(f"{said} has more than {MOST_BYTES:,} bytes")
    try:
        manifest = manifest_of(content)
    except ValueError as error:
        raise BadSetting(f"{said}: {error}") from None
    for name, text in manifest.items():
        if errors := schema.errors_of(text):
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise BadSetting(f"{said}: document {name!r} cannot be run: {errors[0].message}{more}")
    return manifest


def texts_of(settings: Settings, schema: LineageSchema, metrics: Metrics) -> Texts:
    """Where texts come from, as the settings say it. Raises `BadSetting`."""
    logged: set[str] = set()

    def untrusted(text: str) -> None:
        metrics.untrusted.inc()
        if len(logged) < MOST_LOGGED and (name := id_of(text)) not in logged:
            logged.add(name)
            log(logging.WARNING, "graphql.untrusted", document=name, mode=settings.documents)

    return Texts(
        manifest_in(settings, schema),
        Mode(settings.documents),
        most_bytes=settings.persisted_bytes,
        untrusted=untrusted,
    )
