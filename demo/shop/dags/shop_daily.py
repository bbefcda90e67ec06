"""The shop's morning: load, build and test the marts, hand them to the lake, make features, publish the report.

The tools are separate programs with environments of their own; each is told which task started it, so that its runs
hang below the task. Where they are comes from the environment: DBT, DBT_OL, SPARK_JOB and PYTHON.
"""

import csv
import os
from pathlib import Path

import duckdb
import pendulum
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Asset, BaseOperator
from duckdb_io import Copied, input_of, load_raw, output_of

HOME = Path(os.environ["SHOP_HOME"])
MACRO = "macros.OpenLineageProviderPlugin."
BELOW_THIS_TASK = {
    "OPENLINEAGE_PARENT_ID": "{{ " + MACRO + "lineage_parent_id(task_instance) }}",
    "OPENLINEAGE_ROOT_PARENT_ID": "{{ " + MACRO + "lineage_root_parent_id(task_instance) }}",
}


class LoadRaw(BaseOperator):
    """Loads the raw files into the warehouse and tells the OpenLineage provider what it moved."""

    def execute(self, context: object) -> None:
        self.copies: list[Copied] = load_raw(HOME)

    def get_openlineage_facets_on_complete(self, task_instance: object) -> OperatorLineage:
        """Called by the provider once the task is done."""
        return OperatorLineage(
            inputs=[input_of(copied) for copied in self.copies],
            outputs=[output_of(copied) for copied in self.copies],
        )


def publish() -> None:
    """Write the report that finance opens each morning."""
    report = HOME / "reports" / "daily_revenue.csv"
    report.parent.mkdir(exist_ok=True)
    source = HOME / "lake" / "marts" / "daily_revenue" / "part-0.parquet"
    rows = duckdb.execute(f"select * from '{source}' order by order_day, country").fetchall()
    with report.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("order_day", "country", "revenue", "orders"), *rows])


def program(task_id: str, command: str, doc: str) -> BashOperator:
    """A task that runs another tool."""
    return BashOperator(task_id=task_id, bash_command=command, doc=doc, env=BELOW_THIS_TASK, append_env=True)


with DAG(
    "shop_daily",
    description="Raw files to features and report.",
    schedule="0 6 * * *",
    start_date=pendulum.datetime(2026, 3, 1, tz="UTC"),
    catchup=False,
    default_args={"owner": "team:platform"},
    tags=["shop", "daily"],
) as dag:
    load = LoadRaw(task_id="load_raw", doc="Copies the CSV files of the day into the warehouse, as text.")
    run = program("dbt_run", "cd $SHOP_HOME/dbt && $DBT_OL run", "Builds staging and marts.")
    test = program("dbt_test", "cd $SHOP_HOME/dbt && $DBT_OL test", "Tests them.")
    export = program("export_marts", "$PYTHON $SHOP_HOME/export_marts.py", "Writes the marts as Parquet files.")
    sessionize = program("sessionize", "$SPARK_JOB sessionize $VISITS_TABLE", "Page views to visits.")
    features = program("order_features", "$SPARK_JOB order_features $VISITS_TABLE", "Marts and visits to features.")
    report = PythonOperator(
        task_id="publish_report",
        doc="Writes the report of the day.",
        python_callable=publish,
        inlets=[Asset(f"file://{HOME}/lake/marts/daily_revenue")],
        outlets=[Asset(f"file://{HOME}/reports/daily_revenue.csv")],
    )
    load >> run >> test >> export >> [features, report]
    sessionize >> features
