"""The past on disk, as Parquet files that grow."""
