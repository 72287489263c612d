"""Doing what a plan says: extractions, pipelines, checks, and every call into a plugin."""
