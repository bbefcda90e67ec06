#!/usr/bin/env bash
# spark_job.sh NAME ARGUMENT...: runs spark/NAME.py with the OpenLineage agent. Below an Airflow task it names the task.
# Wants SHOP_HOME, SPARK_ENV (its environment), AGENT_JAR, OPENLINEAGE_NAMESPACE and EVENTS (the folder to write to).
set -euo pipefail
name=$1
shift

settings=(
    --conf spark.extraListeners=io.openlineage.spark.agent.OpenLineageSparkListener
    --conf spark.openlineage.transport.type=file
    --conf "spark.openlineage.transport.location=$EVENTS/spark.ndjson"
    --conf "spark.openlineage.namespace=$OPENLINEAGE_NAMESPACE"
    --conf spark.ui.enabled=false
    --conf spark.sql.shuffle.partitions=2
    --conf spark.sql.session.timeZone=UTC
    --conf "spark.sql.warehouse.dir=$SHOP_HOME/lake"
    --driver-java-options "-Dderby.system.home=$SHOP_HOME/metastore"
)
if [[ $name == store_export ]]; then
    # One job whatever it writes today: the agent else puts the output's name into the job's.
    settings+=(--conf spark.openlineage.jobName.appendDatasetName=false)
fi
if [[ -n ${OPENLINEAGE_PARENT_ID:-} ]]; then
    IFS=/ read -r namespace job run <<<"$OPENLINEAGE_PARENT_ID"
    IFS=/ read -r root_namespace root_job root_run <<<"$OPENLINEAGE_ROOT_PARENT_ID"
    settings+=(
        --conf "spark.openlineage.parentJobNamespace=$namespace"
        --conf "spark.openlineage.parentJobName=$job"
        --conf "spark.openlineage.parentRunId=$run"
        --conf "spark.openlineage.rootParentJobNamespace=$root_namespace"
        --conf "spark.openlineage.rootParentJobName=$root_job"
        --conf "spark.openlineage.rootParentRunId=$root_run"
    )
fi

cd "$SHOP_HOME"
export SPARK_LOCAL_IP=127.0.0.1 SPARK_USER=shop PYSPARK_PYTHON=$SPARK_ENV/bin/python
SPARK_HOME=$("$PYSPARK_PYTHON" -c "import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)")
export SPARK_HOME
exec "$SPARK_HOME/bin/spark-submit" --master "local[2]" --name "$name" --jars "$AGENT_JAR" "${settings[@]}" \
    "$SHOP_HOME/spark/$name.py" "$@" "$SHOP_HOME"
