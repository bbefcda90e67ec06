"""Names that a query gives to its own parts and that an emitter took for tables.

Most emitters send them bare (dbt), and bare ones are set aside by `ingest.picture`; Airflow's SQL parser qualifies them: for
`WITH t AS (...) SELECT ... FROM t` it names the source `shop.public.t`. Two things are read from the event's own SQL. Where
such a name is nothing but a table (`WITH orders AS (SELECT * FROM marts.fct_orders)`, the import style of dbt projects) it
stands for that table, column by column. Otherwise a qualified one is an alias too if the SQL defines its last part and never
mentions it with a dot before, as a table with a schema.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ingest.columns import ColumnLineage, Sources, merge_sources
from ingest.event import Said

MAX_SQL = 1_000_000
_NAME = r'(?:"[^"]+"|`[^`]+`|\[[^\]]+\]|\w+)'
_TABLE = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEAD = rf"(?:\bWITH\s+(?:RECURSIVE\s+)?|,\s*)({_NAME})\s*"  # the first of a list, or one more
_AS = r"AS\s*(?:(?:NOT\s+)?MATERIALIZED\s*)?\(\s*"
_DEFINED = re.compile(rf"{_HEAD}(?:\([^()]*\)\s*)?{_AS}", re.IGNORECASE)
_IMPORTED = re.compile(rf"{_HEAD}{_AS}SELECT\s+\*\s+FROM\s+({_TABLE})\s*(?:WHERE\b[^()]*)?\)", re.IGNORECASE)
_QUALIFIED = re.compile(rf"\.\s*({_NAME})")
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def _plain(name: str) -> str:
    return name.strip('"`[]')


@dataclass(frozen=True, slots=True)
class Query:
    """What a query calls its own parts, in lower case: all it `defined`, of them those it never uses as a table of a
    schema (`own`), and those that are nothing but a table, with the parts of its name (`imported`)."""

    defined: frozenset[str]
    own: frozenset[str]
    imported: Mapping[str, tuple[str, ...]]

    def table(self, name: str) -> tuple[str, ...] | None:
        """The table that a name of the query stands for, through others of its names."""
        seen: set[str] = set()
        parts = self.imported.get(name)
        while parts is not None and len(parts) == 1 and parts[0].lower() in self.defined:
            if parts[0].lower() in seen:
                return None
            seen.add(parts[0].lower())
            parts = self.imported.get(parts[0].lower())
        return parts


def read_query(sql: str) -> Query:
    """Reads a query, or as much of it as is sensible; what is not understood names nothing."""
    text = _COMMENT.sub(" ", sql[:MAX_SQL])
    defined = {_plain(name).lower() for name in _DEFINED.findall(text)}
    qualified = {_plain(name).lower() for name in _QUALIFIED.findall(text)}
    imported = {
        _plain(name).lower(): tuple(_plain(part) for part in re.findall(_NAME, table))
        for name, table in _IMPORTED.findall(text)
    }
    return Query(frozenset(defined), frozenset(defined - qualified), imported)


def without_aliases(said: Said, query: Query, inputs: set[str], leave: Callable[[str], None]) -> Said:
    """An output whose column lineage names tables alone; `leave` is told of each name that was set aside."""
    if not said.columns or not query.defined:
        return said
    home = said.id.partition("#")[0]

    def told(sources: Sources) -> Sources:
        kept: Sources = {}
        for source, fields in sources.items():
            name = source.rpartition("#")[2]
            last = name.rpartition(".")[2].lower()
            if source in inputs or source.partition("#")[0] != home or last not in query.defined:
                kept = merge_sources(kept, {source: fields})
            elif (table := _dataset(said.id, name, query.table(last), inputs)) is not None:
                kept = merge_sources(kept, {table: fields})
            elif last in query.own or "." not in name:
                leave(name)
            else:
                kept = merge_sources(kept, {source: fields})
        return kept

    columns: ColumnLineage = {
        "fields": {name: told(sources) for name, sources in said.columns["fields"].items()},
        "dataset": told(said.columns["dataset"]),
    }
    return replace(said, columns=columns)


def _dataset(output: str, alias: str, table: tuple[str, ...] | None, inputs: Iterable[str]) -> str | None:
    """The id of the table that an alias is. One that the query does not name in full is looked for among the inputs, or
    has the schema that the emitter gave the alias; None where that does not tell."""
    if table is None:
        return None
    home, _, name = output.partition("#")
    spelled = ".".join(table)
    ends = [each for each in inputs if f".{each}".lower().replace("#", ".").endswith(f".{spelled}".lower())]
    if len(ends) == 1:
        return ends[0]
    wanted = name.count(".") + 1
    prefix = alias.split(".")[:-1]
    for parts in (table, (*prefix, *table)):
        if len(parts) == wanted and len(parts) > 1:
            return f"{home}#{'.'.join(parts)}"
    return None
