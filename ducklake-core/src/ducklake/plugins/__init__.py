"""Plugins: discovered from metadata, loaded one by one, registered by kind and name."""
