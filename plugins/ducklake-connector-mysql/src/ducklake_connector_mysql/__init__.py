"""Rows of MySQL and MariaDB databases, with not a value changed."""
