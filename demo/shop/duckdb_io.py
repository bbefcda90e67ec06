"""The two ends of the warehouse: raw files in, marts out, and the datasets to announce for each.

Both directions are described here once, because Airflow (the load) and the OpenLineage client (the export) announce
tables that dbt and Spark announce too: a name that differs by one letter would cut the lineage in two.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    output_statistics_output_dataset,
    schema_dataset,
    tags_dataset,
)

RAW_TABLES = ("customers", "products", "orders", "order_items")
MARTS = ("fct_orders", "dim_customers", "dim_products", "daily_revenue")
PERSONAL = {"full_name", "email"}


@dataclass(frozen=True)
class Place:
    """A dataset by its OpenLineage name."""

    namespace: str
    name: str


@dataclass(frozen=True)
class Copied:
    """What was copied from where to where, column by column under the same names."""

    source: Place
    target: Place
    columns: list[tuple[str, str]]
    rows: int


def _connect(home: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(home / "shop.duckdb"), read_only=read_only)


def _table(home: Path, name: str) -> Place:
    # dbt-ol makes the namespace from the path in the profile, as it is written there.
    return Place(f"duckdb://{home}/shop.duckdb", f"shop.{name}")


def _file(path: Path) -> Place:
    # Spark's way: no scheme in the namespace, the absolute path as the name.
    return Place("file", str(path))


def _copied(connection: duckdb.DuckDBPyConnection, table: str, source: Place, target: Place) -> Copied:
    columns = [(row[0], row[1]) for row in connection.execute(f"describe {table}").fetchall()]
    (rows,) = connection.execute(f"select count(*) from {table}").fetchone() or (0,)
    return Copied(source, target, columns, rows)


def load_raw(home: Path) -> list[Copied]:
    """Copy each raw CSV file into the schema ``raw``, every column as text: casting is the staging models' work."""
    copies = []
    with _connect(home, read_only=False) as connection:
        connection.execute("create schema if not exists raw")
        for name in RAW_TABLES:
            file = home / "raw" / f"{name}.csv"
            connection.execute(
                f"create or replace table raw.{name} as select * from read_csv(?, header = true, all_varchar = true)",
                [str(file)],
            )
            copies.append(_copied(connection, f"raw.{name}", _file(file), _table(home, f"raw.{name}")))
    return copies


def export_marts(home: Path) -> list[Copied]:
    """Write each mart as a folder with one Parquet file, so that Spark, which does not read DuckDB, can read it."""
    copies = []
    with _connect(home, read_only=True) as connection:
        for name in MARTS:
            folder = home / "lake" / "marts" / name
            folder.mkdir(parents=True, exist_ok=True)
            connection.execute(f"copy marts.{name} to '{folder}/part-0.parquet' (format parquet)")
            copies.append(_copied(connection, f"marts.{name}", _table(home, f"marts.{name}"), _file(folder)))
    return copies


def input_of(copied: Copied) -> InputDataset:
    """The source of a copy, as OpenLineage says it."""
    return InputDataset(copied.source.namespace, copied.source.name, facets={"schema": _schema(copied)})


def output_of(copied: Copied) -> OutputDataset:
    """The target of a copy: each column comes from the one of the same name, personal ones are tagged."""
    identity = column_lineage_dataset.Transformation(type="DIRECT", subtype="IDENTITY", masking=False)
    lineage = column_lineage_dataset.ColumnLineageDatasetFacet(
        fields={
            column: column_lineage_dataset.Fields(
                inputFields=[
                    column_lineage_dataset.InputField(
                        copied.source.namespace, copied.source.name, column, transformations=[identity]
                    )
                ]
            )
            for column, _ in copied.columns
        }
    )
    facets = {"schema": _schema(copied), "columnLineage": lineage}
    tags = [
        tags_dataset.TagsDatasetFacetFields(key="pii", value="true", source="USER", field=column)
        for column, _ in copied.columns
        if column in PERSONAL
    ]
    if tags:
        facets["tags"] = tags_dataset.TagsDatasetFacet(tags=tags)
    written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=copied.rows)
    return OutputDataset(
        copied.target.namespace, copied.target.name, facets=facets, outputFacets={"outputStatistics": written}
    )


def _schema(copied: Copied) -> schema_dataset.SchemaDatasetFacet:
    fields = [schema_dataset.SchemaDatasetFacetFields(name=name, type=type_) for name, type_ in copied.columns]
    return schema_dataset.SchemaDatasetFacet(fields=fields)
