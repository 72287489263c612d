"""Rows of CSV files."""
