"""A guard of a dataset's name: an empty record that has a new version whenever something begins that others must not
overlook: an owner that names the dataset for the first time, another schema, a column newly listed.

Whoever decides by what it did not find (nobody else names it, nobody else lists this column, the schema in force has these
columns) holds the guard; the decision is taken anew if its version has changed. Those who touch it do not wait for each
other, and what is said again and again touches nothing.
"""

from collections.abc import Iterable

from ingest.draft import Draft
from ingest.program import Program, View, fetch


def guard_id(name: str) -> str:
    """The id of the record."""
    return f"state:{name}#guard"


def touch(draft: Draft, name: str) -> None:
    """Lets everybody who holds the guard of a name decide anew."""
    draft.touch(guard_id(name))


def hold(view: View, draft: Draft, names: Iterable[str]) -> Program[None]:
    """The draft counts only if nobody has touched the guards since they were read: now, or earlier by the same program."""
    guards = [guard_id(name) for name in names]
    yield from fetch(view, guards)
    draft.expect.update((guard, view.version(guard)) for guard in guards)
