"""Rows of a SQL Server database."""
