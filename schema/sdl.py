"""The schema as text: `schema/schema.graphql` is this, kept so that a change of the API is a change one can see."""

from schema.service import schema


def printed() -> str:
    """The schema in the schema language."""
    return schema().as_str() + "\n"
