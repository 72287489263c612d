"""Add a source to the configuration: ask, connect, propose, write."""
