"""Oracle SQL to DuckDB SQL, with types: every value knows what Oracle would hold it to be."""
