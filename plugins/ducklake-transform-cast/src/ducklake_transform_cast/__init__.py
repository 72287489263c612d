"""Gives columns other types."""
