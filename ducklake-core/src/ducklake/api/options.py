"""The base of every plugin's options: pydantic, frozen, unknown keys refused."""

from __future__ import annotations

from typing import Any, ClassVar, get_args

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


class Configured:
    """A class of a plugin that takes options; it learns their model from its own definition.

    `class Upper(Transform[UpperOptions])` has the `Options` of its brackets, unless it names others itself.
    """

    Options: ClassVar[type[Options]]

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Take the model out of the brackets behind the base."""
        super().__init_subclass__(**arguments)
        if "Options" not in cls.__dict__:
            for argument in (found for base in cls.__dict__.get("__orig_bases__", ()) for found in get_args(base)):
                if isinstance(argument, type) and issubclass(argument, Options):
                    cls.Options = argument
