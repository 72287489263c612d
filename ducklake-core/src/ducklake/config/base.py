"""The base of core's models: frozen, unknown keys refused, and they know where they stand."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, model_validator

from ducklake.config.node import Node
from ducklake.errors import Problem


class Model(BaseModel):
    """A mapping of configuration; a key without a value (`tables:`) counts as left out where it may be."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        return {key: value for key, value in data.items() if value is not None or key not in fields or fields[key].is_required()}


class Block(Model):
    """A mapping that stands for itself in messages: a source, a pipeline, a step, a check."""

    _node: Node = PrivateAttr(default=Node({}, ""))

    @property
    def node(self) -> Node:
        """Where it stands, references resolved."""
        return self._node

    @property
    def missing(self) -> tuple[Problem, ...]:
        """References in it that could not be resolved."""
        return self._node.missing

    def attach(self, node: Node) -> Self:
        """Remember the node that it was made of.

        Args:
            node: Labelled and resolved.
        """
        self._node = node
        return self


class PluginBlock(Block):
    """A block whose `type` names a plugin, and whose keys are partly the plugin's."""

    model_config = ConfigDict(extra="ignore")

    @property
    def options(self) -> Node:
        """The keys that are not core's, for the plugin's own model."""
        return self._node.without(*type(self).model_fields)
