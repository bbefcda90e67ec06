"""What one store sold, for that store's accountant: store A on Mondays and Wednesdays, store B on the other days.

One job, and each day other inputs and another output: what store A's till says never reaches store B's file.
"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

RECEIPT = "receipt_id string, sold_on date, product_id string, quantity int, unit_price double"


def main(store: str, home: str) -> None:
    """Write ``exports/<store>`` from the store's till and the catalogue."""
    spark = SparkSession.builder.getOrCreate()
    receipts = spark.read.csv(f"{home}/raw/tills/{store}.csv", header=True, schema=RECEIPT)
    products = spark.read.parquet(f"{home}/lake/marts/dim_products")
    sold = (
        receipts.join(products, "product_id")
        .groupBy("sold_on", "category")
        .agg(f.sum(f.col("quantity") * f.col("unit_price")).alias("revenue"), f.sum("quantity").alias("pieces"))
    )
    sold.write.mode("overwrite").parquet(f"{home}/exports/{store}")
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
