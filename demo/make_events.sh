#!/usr/bin/env bash
# Makes everything in events/ again, from nothing: environments, four days of the shop, the events they emit.
#
#   demo/make_events.sh       needs Python 3.11 or newer, Java 17, Maven and the package registries; no Docker
#
# SHOP_HOME           where the shop lives while it runs. /srv/shop, because this name is in the events; any other works
#                     and is renamed afterwards (collect.py). It must not exist, or be left over from an earlier run.
# WORK                where environments, captures and logs go: a temporary folder, removed at the end together with
#                     SHOP_HOME. Name one to keep both; environments that are in it already are used as they are.
# OPENLINEAGE_SCHEMA  the path of OpenLineage.json (2-0-2), to check each event against it too.
set -euo pipefail
demo=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for program in python3 java mvn; do
    command -v "$program" >/dev/null || { echo "$program is missing" >&2; exit 1; }
done

export SHOP_HOME=${SHOP_HOME:-/srv/shop}
marker=.made-by-headwater-demo
if [[ -e $SHOP_HOME && ! -e $SHOP_HOME/$marker ]]; then
    echo "$SHOP_HOME exists and is not ours; name another folder in SHOP_HOME" >&2
    exit 1
fi
if [[ -z ${WORK:-} ]]; then
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK" "$SHOP_HOME"' EXIT
fi
mkdir -p "$WORK"

# --- environments, one per tool: they cannot share one -----------------------------------------------------------------
agent=openlineage-spark_2.12-1.53.0.jar
if [[ ! -x $WORK/tools/bin/uv ]]; then
    python3 -m venv "$WORK/tools"
    "$WORK/tools/bin/pip" install --quiet uv==0.13.9
fi
for tool in dbt airflow spark python; do
    if [[ ! -e $WORK/$tool/.complete ]]; then
        "$WORK/tools/bin/uv" venv --quiet --clear --python "$(command -v python3)" "$WORK/$tool"
        "$WORK/tools/bin/uv" pip install --quiet --python "$WORK/$tool/bin/python" -r "$demo/requirements/$tool.txt"
        touch "$WORK/$tool/.complete"
    fi
done
if [[ ! -e $WORK/$agent ]]; then
    mvn --quiet --batch-mode -Dstyle.color=never dependency:copy -Dartifact=io.openlineage:openlineage-spark_2.12:1.53.0 \
        -DoutputDirectory="$WORK"
fi

# --- settings that all tools read ---------------------------------------------------------------------------------------
export OPENLINEAGE_NAMESPACE=shop
export DO_NOT_TRACK=1 DBT_SEND_ANONYMOUS_USAGE_STATS=false SCARF_ANALYTICS=false AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=false
export DBT_OL=$WORK/dbt/bin/dbt-ol DBT_PROFILES_DIR=$SHOP_HOME/dbt PYTHON=$WORK/python/bin/python
export SPARK_JOB=$SHOP_HOME/spark_job.sh SPARK_ENV=$WORK/spark AGENT_JAR=$WORK/$agent
export AIRFLOW_HOME=$SHOP_HOME/airflow PYTHONPATH=$SHOP_HOME TZ=UTC
export AIRFLOW__CORE__DAGS_FOLDER=$SHOP_HOME/dags AIRFLOW__CORE__LOAD_EXAMPLES=false
export AIRFLOW__OPENLINEAGE__NAMESPACE=$OPENLINEAGE_NAMESPACE AIRFLOW__LOGGING__LOGGING_LEVEL=WARNING
# dbt-ol starts dbt by name, Airflow its own commands.
export PATH=$WORK/dbt/bin:$PATH

# --- a shop on the evening before the first day -------------------------------------------------------------------------
rm -rf "$SHOP_HOME" "$WORK/captured" "$WORK/logs"
mkdir -p "$SHOP_HOME" "$WORK/logs"
touch "$SHOP_HOME/$marker"
cp -r "$demo/shop/." "$SHOP_HOME"
"$PYTHON" "$SHOP_HOME/make_raw.py" --day 2026-03-01 --home "$SHOP_HOME"
"$PYTHON" -c "import os, pathlib, duckdb_io; duckdb_io.load_raw(pathlib.Path(os.environ['SHOP_HOME']))"
# A deployment builds the tables and their catalog: without catalog.json dbt-ol knows no column types.
(cd "$SHOP_HOME/dbt" && dbt --quiet --no-version-check run && dbt --quiet --no-version-check docs generate)
"$WORK/airflow/bin/airflow" db migrate >"$WORK/logs/airflow-migrate.log" 2>&1

# --- the days -----------------------------------------------------------------------------------------------------------
run_day() { # DAY STORE VISITS_TABLE MODEL_VERSION|-
    local day=$1 store=$2 version=$4
    export VISITS_TABLE=$3 EVENTS=$WORK/captured/$day
    local log=$WORK/logs/$day
    mkdir -p "$EVENTS"
    to_file() { printf '{"type":"file","log_file_path":"%s/%s.ndjson","append":true}' "$EVENTS" "$1"; }
    "$PYTHON" "$SHOP_HOME/make_raw.py" --day "$day" --home "$SHOP_HOME"

    date -u +%Y-%m-%dT%H:%M:%SZ >"$EVENTS/began"
    if [[ $day == 2026-03-04 ]]; then
        "$SPARK_JOB" rename_visits >"$log-rename.log" 2>&1
    fi
    # Tuesday's run fails, as it should: Airflow says so, the story goes on.
    AIRFLOW__OPENLINEAGE__TRANSPORT=$(to_file airflow) OPENLINEAGE__TRANSPORT=$(to_file "dbt_and_client") \
        "$WORK/airflow/bin/airflow" dags test shop_daily "${day}T06:00:00+00:00" >"$log-airflow.log" 2>&1 || true
    "$SPARK_JOB" store_export "$store" >"$log-store-export.log" 2>&1
    if [[ $version != - ]]; then
        OPENLINEAGE__TRANSPORT=$(to_file dbt_and_client) MUTATIONS=$EVENTS/models.ndjson \
            "$PYTHON" "$SHOP_HOME/train.py" "$version" >"$log-train.log" 2>&1
    fi
    date -u +%Y-%m-%dT%H:%M:%SZ >"$EVENTS/ended"
    echo "$day done"
}
run_day 2026-03-02 store_a visits 1
run_day 2026-03-03 store_b visits -
run_day 2026-03-04 store_a sessions -
run_day 2026-03-05 store_b sessions 2

# --- what is kept -------------------------------------------------------------------------------------------------------
"$PYTHON" "$demo/collect.py" "$WORK/captured" "$demo/events"
"$PYTHON" "$demo/check.py" ${OPENLINEAGE_SCHEMA:+--schema "$OPENLINEAGE_SCHEMA"}
