"""Keeps one row a key."""
