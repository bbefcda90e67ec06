"""The version of what runs here: that of the installed package."""

from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "headwater-service"


def _installed() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:  # run from a tree that was never installed
        return "0+source"


VERSION = _installed()
