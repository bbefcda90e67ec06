"""What a backend may raise. Absence is a value, never an error."""


class BackendError(Exception):
    """A store could not do what was asked. `retryable` says whether the same call may succeed later."""

    retryable = False


class Unavailable(BackendError):
    """The store does not answer: stopped, unreachable, or shutting down."""

    retryable = True


class TimedOut(BackendError):
    """The store answers, but not within the time given."""

    retryable = True


class Conflict(BackendError):
    """`Changes.expect` or `Changes.resolved` no longer holds: read again, decide again."""

    retryable = True


class Rejected(BackendError):
    """The change breaks a rule of the model: an edge without its ends, a kind of edge between the wrong kinds."""


class Unsupported(BackendError):
    """The backend declares that it cannot do this (see `Capabilities`)."""


class Misconfigured(BackendError):
    """The URL or the settings cannot work: unknown scheme, missing driver, unreadable file."""
