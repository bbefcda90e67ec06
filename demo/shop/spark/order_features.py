"""The feature table: one row per order, with what was known of it at the checkout and, once closed, how it ended."""

import sys

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as f


def main(visits_table: str, home: str) -> None:
    """Join the exported marts with the visits and write ``features/order_features``."""
    spark = SparkSession.builder.enableHiveSupport().getOrCreate()
    orders = spark.read.parquet(f"{home}/lake/marts/fct_orders")
    customers = spark.read.parquet(f"{home}/lake/marts/dim_customers")
    visits = spark.table(visits_table)

    earlier = Window.partitionBy("customer_id").orderBy("ordered_at").rowsBetween(Window.unboundedPreceding, -1)
    sent_back = f.when(f.col("status").isin("returned", "exchanged"), 1).otherwise(0)
    habits = visits.groupBy("visitor_id").agg(
        f.avg("page_views").alias("pages_per_visit"),
        f.avg("checked_out").alias("checkout_rate"),
    )
    features = (
        orders.withColumn("earlier_orders", f.count("order_id").over(earlier))
        .withColumn("earlier_returns", f.coalesce(f.sum(sent_back).over(earlier), f.lit(0)))
        .join(customers.select("customer_id", "email", "country"), "customer_id")
        .join(habits, f.col("customer_id") == f.col("visitor_id"), "left")
        .select(
            "order_id",
            f.sha2("email", 256).alias("customer_hash"),
            "country",
            "category",
            "item_count",
            f.col("order_total").cast("double").alias("order_total"),
            "discount_percent",
            "earlier_orders",
            "earlier_returns",
            "pages_per_visit",
            "checkout_rate",
            f.when(f.col("status") != "open", sent_back).alias("was_returned"),
        )
    )
    features.write.mode("overwrite").parquet(f"{home}/features/order_features")
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
