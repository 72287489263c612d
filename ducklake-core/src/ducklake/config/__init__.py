"""The three YAML files: read with positions, references resolved, validated by pydantic models."""
