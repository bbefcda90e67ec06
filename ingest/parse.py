"""The way from a JSON value to an event that is ready to be interpreted."""

from dataclasses import replace

from backends.model import Json
from ingest.aliases import defined, without_aliases
from ingest.event import Event, read_event


def parse_event(body: Json) -> Event:
    """The event in a JSON value, without the aliases of its query. Raises `BadEvent` with the pointer of what is wrong."""
    event = read_event(body)
    sql = event.job_attributes.get("sql")
    if not event.outputs or not isinstance(sql, str):
        return event
    names, inputs = defined(sql), {said.id for said in event.inputs or ()}
    return replace(event, outputs=tuple(without_aliases(said, names, inputs) for said in event.outputs))
