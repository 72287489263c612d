"""not_null, unique, valid_values and range."""
