"""What a command still knows of the catalog from its last opening, as long as nobody else has written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ducklake.api.tables import TableRef
    from ducklake.catalog.queries import LakeSnapshot, TableState


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """The tables of one layer and domain as they were at one mark of the catalog's file.

    Attributes:
        mark: The file's state, from `Catalog`; None knows nothing.
        domain: Layer and domain, or None before the second question about one.
        tables: Its tables, without statistics.
        folders: Their public folders by table, those of changed tables too.
        changed: Tables that this command has written since; they have to be read again.
    """

    mark: bytes | None = None
    domain: tuple[str, str] | None = None
    tables: LakeSnapshot = dataclasses.field(default_factory=dict)
    folders: Mapping[str, str] = dataclasses.field(default_factory=dict)
    changed: frozenset[str] = frozenset()

    def covers(self, ref: TableRef) -> bool:
        """Whether its domain is the known one, whatever has become of the table itself.

        Args:
            ref: A table.
        """
        return self.domain == (ref.layer, ref.domain)

    def get(self, ref: TableRef) -> tuple[TableState | None, list[str]] | None:
        """A table and the folders of its neighbours; None if the catalog has to be asked.

        Args:
            ref: A table; it need not exist.
        """
        if not self.covers(ref) or ref.table in self.changed:
            return None
        return self.tables.get(ref), [folder for table, folder in self.folders.items() if table != ref.table]

    def after_change(self, ref: TableRef, folder: str | None, mark: bytes | None) -> Known:
        """What is known after this command changed one table and nothing else.

        Args:
            ref: The table.
            folder: Its public folder; None if there is no such table still.
            mark: The file's state now.
        """
        if not self.covers(ref):
            return dataclasses.replace(self, mark=mark)
        folders = {**self.folders, ref.table: folder} if folder is not None else self.folders
        return dataclasses.replace(self, mark=mark, folders=folders, changed=self.changed | {ref.table})
