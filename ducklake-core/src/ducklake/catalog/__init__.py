"""What happened: the metadata catalog in `data/catalog.duckdb`."""
