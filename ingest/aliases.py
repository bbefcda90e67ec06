"""Names that a query gives to its own parts and that an emitter took for tables.

Most emitters send them bare, and bare ones are set aside by `ingest.picture`. Airflow's SQL parser qualifies them: for
`WITH t AS (...) SELECT ... FROM t` it names the source `shop.public.t`. So a source that only column lineage names is an
alias too if the event's own SQL defines its last part and never mentions it with a dot before, as a table with a schema.
"""

import re
from dataclasses import replace

from ingest.columns import ColumnLineage, Sources
from ingest.event import Said

MAX_SQL = 1_000_000
_DEFINED = re.compile(
    r"""(?:\bWITH\s+(?:RECURSIVE\s+)?|,\s*)  # the first of a list, or one more
        ["`\[]?(\w+)["`\]]?\s*               # its name
        (?:\([^()]*\)\s*)?                    # its columns
        AS\s*(?:(?:NOT\s+)?MATERIALIZED\s*)?\(""",
    re.IGNORECASE | re.VERBOSE,
)


def defined(sql: str) -> set[str]:
    """The names of common table expressions in a query, in lower case, that it never uses with a schema."""
    text = sql[:MAX_SQL]
    names = {name.lower() for name in _DEFINED.findall(text)}
    qualified = {name.lower() for name in re.findall(r"\.\s*[\"`\[]?(\w+)", text)}
    return names - qualified


def without_aliases(said: Said, names: set[str], inputs: set[str]) -> Said:
    """An output whose column lineage names no part of the query as a table of the output's namespace."""
    if not said.columns or not names:
        return said
    home = said.id.partition("#")[0]

    def keep(sources: Sources) -> Sources:
        return {
            source: fields
            for source, fields in sources.items()
            if source in inputs
            or source.partition("#")[0] != home
            or source.rpartition("#")[2].rpartition(".")[2].lower() not in names
        }

    columns: ColumnLineage = {
        "fields": {name: keep(sources) for name, sources in said.columns["fields"].items()},
        "dataset": keep(said.columns["dataset"]),
    }
    return replace(said, columns=columns)
