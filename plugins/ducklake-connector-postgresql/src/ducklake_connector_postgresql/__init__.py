"""Rows of a PostgreSQL database."""
