"""Page views to visits: a visitor who is silent for half an hour comes again as a new visit."""

import sys

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as f

SILENCE_SECONDS = 1800


def main(table: str, home: str) -> None:
    """Write the table ``table`` of the lake from the raw page views."""
    spark = SparkSession.builder.enableHiveSupport().getOrCreate()
    by_visitor = Window.partitionBy("visitor_id").orderBy("at")
    silence = f.unix_timestamp("at") - f.unix_timestamp(f.lag("at").over(by_visitor))
    views = (
        spark.read.parquet(f"{home}/raw/web_events")
        .withColumn("starts", f.when(silence > SILENCE_SECONDS, 1).otherwise(0))
        .withColumn("visit_number", f.sum("starts").over(by_visitor))
    )
    visits = views.groupBy("visitor_id", "visit_number").agg(
        f.min("at").alias("started_at"),
        f.max("at").alias("ended_at"),
        f.count("page").alias("page_views"),
        f.max(f.when(f.col("page") == "checkout", 1).otherwise(0)).alias("checked_out"),
    )
    visits.write.mode("overwrite").format("parquet").saveAsTable(table)
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
