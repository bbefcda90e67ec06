"""What an event says of a dataset itself: attributes, columns, other names. Reads what it needs, drafts changes."""

from backends.model import Stamped
from ingest.draft import Draft
from ingest.event import Said
from ingest.fields import FIELDS, fingerprint, say_column, say_fields
from ingest.names import LEFT, SAID_BY, SAYS, own
from ingest.program import Program, View, fetch


def say(view: View, draft: Draft, said: Said, time: int, *, replaces: bool) -> Program[None]:
    """Drafts what one dataset of an event says. `replaces` is true for dataset events."""
    linked = said.symlinks or ()
    yield from fetch(view, (said.id, *linked))
    before = own(view, draft, said.id)
    attributes = {key: Stamped(time, value) for key, value in said.attributes.items()}
    if said.fields is not None:
        print_, listed = fingerprint(said.fields)
        attributes["schema"] = Stamped(time, print_)
        attributes[FIELDS] = Stamped(time, [print_, listed])
        yield from say_fields(view, draft, said.id, listed, before, Stamped(time, print_))
    draft.say(said.id, attributes, seen=(time, time))
    home = view.resolution(said.id)
    if said.fields is not None or said.field_tags:
        draft.resolved[said.id] = home  # what is said of columns is said of those of the node
    if home.deleted_at is not None:
        draft.say(home.id, seen=(time, time))  # seen under another name it stands again
    for other in linked:
        if other != said.id:
            draft.say(said.id, {SAYS + other: Stamped(time, True)})
            draft.say(other, {SAID_BY + said.id: Stamped(time, True)})
    if replaces and said.symlinks is not None:
        draft.say(said.id, {LEFT: Stamped(time, list(linked))})
    for field, tags in said.field_tags.items():
        say_column(draft, said.id, home.id, field, {"tags": Stamped(time, tags)})
