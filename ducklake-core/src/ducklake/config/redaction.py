"""Taking secrets out of text, by value."""

from __future__ import annotations

import json
import re
import threading
from urllib.parse import quote, quote_plus

MASK = "***"

SHORTEST = 4
"""Values below this length are left alone: masking `12` would mangle every message."""


class Redactor:
    """Knows the secrets of one lake and masks them in text, also as URLs, Python and JSON write them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str | None) -> None:
        """Mask a value from now on.

        Args:
            value: The secret; None and values under four characters are ignored.
        """
        if value is None or len(value) < SHORTEST:
            return
        forms = {value, value.strip(), quote(value, safe=""), quote(value), quote_plus(value), repr(value)[1:-1]}
        forms |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
        with self._lock:
            self._forms |= {form for form in forms if len(form) >= SHORTEST}
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def redact(self, text: str) -> str:
        """The text with every known secret masked.

        Args:
            text: A message; never table data.
        """
        return self._pattern.sub(MASK, text) if self._pattern else text
