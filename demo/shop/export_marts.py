"""Hand the marts over to the lake: DuckDB tables become Parquet files, announced under both names."""

import os
from pathlib import Path

from duckdb_io import export_marts, input_of, output_of
from own_runs import announced


def main() -> None:
    """Export all marts in one run; column lineage says which table became which file."""
    with announced("export_marts", "Writes the marts as Parquet files for Spark.", "team:analytics", []) as touched:
        copies = export_marts(Path(os.environ["SHOP_HOME"]))
        touched.inputs = [input_of(copied) for copied in copies]
        touched.outputs = [output_of(copied) for copied in copies]


if __name__ == "__main__":
    main()
