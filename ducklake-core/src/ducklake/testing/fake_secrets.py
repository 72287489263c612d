"""The plugin behind the fixture `fake_secrets`."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ducklake.api import hookimpl

api = 1


@hookimpl
def resolve_secret(reference: str) -> str | None:
    """What the test said."""
    file = os.environ.get("FAKE_SECRETS")
    known: dict[str, str] = json.loads(Path(file).read_text(encoding="utf-8")) if file else {}
    return known.get(reference)
