"""Where a store is, before it is opened: opening makes an embedded one, and a slip of the pen should not."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from backends.errors import Misconfigured


def file_of(url: str) -> Path | None:
    """The file of an embedded store; None for any other URL."""
    parts = urlsplit(url)
    name = unquote(parts.path)[1:]
    return Path(name).absolute() if parts.scheme == "sqlite" and name and not parts.netloc else None


def is_unmade(url: str) -> bool:
    """Whether the URL is that of an embedded store which does not exist yet."""
    path = file_of(url)
    return path is not None and not path.exists()


def check_exists(url: str) -> None:
    """Raises `Misconfigured` where there is nothing to read."""
    if is_unmade(url):
        raise Misconfigured(f"there is no store at {file_of(url)}")


def in_words(url: str) -> str:
    """The store in words: the file of an embedded one, else the scheme alone, since a URL may hold a password."""
    path = file_of(url)
    return url.partition("://")[0] if path is None else str(path)
