"""A step written as a SELECT; joins any tables of the lake."""
