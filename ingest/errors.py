"""Why an event was refused."""


class BadEvent(Exception):
    """An event that cannot be taken. `pointer` is the JSON pointer (RFC 6901) of what is wrong, `message` what to do."""

    code = "BAD_INPUT"

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.message, self.pointer = message, pointer


class Unreadable(BadEvent):
    """The body is no JSON value at all."""
