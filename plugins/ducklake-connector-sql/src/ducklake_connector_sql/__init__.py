"""Rows of any database that SQLAlchemy speaks to, and the shared base of the database connectors."""
