"""Keeps the rows that a condition holds for."""
