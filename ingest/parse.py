"""The way from a JSON value to an event that is ready to be interpreted."""

from dataclasses import replace

from backends.model import Json
from ingest.aliases import read_query, without_aliases
from ingest.columns import named
from ingest.event import Event, read_event
from ingest.picture import is_bare


def parse_event(body: Json) -> Event:
    """The event in a JSON value, without the aliases of its query. Raises `BadEvent` with the pointer of what is wrong."""
    event = read_event(body)
    if not any(said.columns for said in event.outputs or ()):
        return event
    sql = event.job_attributes.get("sql")
    query = read_query(sql) if isinstance(sql, str) else read_query("")
    inputs = {said.id for said in event.inputs or ()}
    set_aside = list(event.set_aside)
    outputs = []
    for index, said in enumerate(event.outputs or ()):
        left: dict[str, None] = {}
        output = without_aliases(said, query, inputs, lambda name, left=left: left.update({name: None}))  # type: ignore[misc]
        for source in sorted(named(output.columns or {})):
            if source not in inputs and is_bare(source, output.id):
                left[source.rpartition("#")[2]] = None
        pointer = f"/outputs/{index}/facets/columnLineage"
        set_aside += [(pointer, f"{name} is a name the query gives itself, and no table; set aside") for name in left]
        outputs.append(output)
    return replace(event, outputs=tuple(outputs), set_aside=tuple(set_aside))
