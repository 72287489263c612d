"""The connector `csv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ducklake.api.connector import Connector, Session
from ducklake.api.options import Options
from ducklake_connector_csv.options import CsvOptions


class CsvConnector(Connector[CsvOptions]):
    """Tables made of CSV files."""

    name: ClassVar[str] = "csv"
    Options: ClassVar[type[Options]] = CsvOptions
    capabilities: ClassVar[frozenset[str]] = frozenset({"tables", "ledger"})

    def validate_connection(self) -> None:
        """See that the files can be read, as far as there are any."""
        with self.open(()) as session:
            session.tables()

    def open(self, requests: Sequence[str]) -> Session:
        """List the files once for the whole run.

        Args:
            requests: Not needed: listing costs the same for all.
        """
        from ducklake_connector_csv.session import CsvSession

        return CsvSession(self.options, self.context)
