"""The migration of Wednesday: the table ``visits`` is called ``sessions`` from now on."""

from pyspark.sql import SparkSession


def main() -> None:
    """Rename the table and its folder."""
    spark = SparkSession.builder.enableHiveSupport().getOrCreate()
    spark.sql("alter table visits rename to sessions")
    spark.stop()


if __name__ == "__main__":
    main()
