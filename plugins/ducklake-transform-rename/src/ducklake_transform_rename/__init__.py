"""Gives columns other names."""
