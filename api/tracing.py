"""Whether spans are made at all. Where not, nothing of OpenTelemetry is imported and nothing of a request knows of it."""

from typing import TYPE_CHECKING

from api.settings import BadSetting, Settings

if TYPE_CHECKING:
    from api.spans import Tracing


def tracing_of(settings: Settings) -> "Tracing | None":
    """What makes spans, as the settings say; None for nothing. Raises `BadSetting` where OpenTelemetry is not installed."""
    if settings.traces is None:
        return None
    try:
        from api.spans import Tracing
    except ImportError as missing:
        raise BadSetting(
            f"HEADWATER_TRACES needs OpenTelemetry, and {missing.name} is not there: "
            "pip install --require-hashes -r requirements-otel.txt"
        ) from None
    return Tracing.over_otlp(settings.traces.rstrip("/"))
