"""Rows of a SQLite database."""
