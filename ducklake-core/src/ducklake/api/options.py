"""The base of every plugin's options: pydantic, frozen, unknown keys refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Options as they stand in YAML; a plugin subclasses this and describes each field.

    Unknown keys are refused with did-you-mean, at the file and line where they stand. Use
    `pydantic.SecretStr` for passwords and tokens: they are then redacted wherever they might appear.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class OptionError(ValueError):
    """An option that no model can check by itself, for example because it does not go with the input's columns.

    Args:
        message: The cause, one line; core adds file, line, pipeline and step.
        *path: Where it stands in the block: keys, and indexes from 0.
        hint: The next thing to do.
    """

    def __init__(self, message: str, *path: str | int, hint: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.hint = hint


class NoOptions(Options):
    """For a plugin that takes no options."""
