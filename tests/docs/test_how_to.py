"""The how-to pages, run as they stand: each file written, each command typed, each answer compared."""

from __future__ import annotations

import ast

import pytest

from documentation import blocks
from ducklake.testing import WebServer
from walking import walk
from workspace import ROOT

PAGES = [path for path in sorted((ROOT / "docs/how-to").glob("*.md")) if any("file" in block.marks for block in blocks(path))]
TICKETS = [{"id": 1, "title": "Printer on fire"}, {"id": 2, "title": "Cannot log in"}, {"id": 3, "title": "Still on fire"}]

ORDERS = [{"id": 1, "amount": 9.5, "changed": 100}, {"id": 2, "amount": 20.25, "changed": 200}]


@pytest.mark.matrix
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_how_to(page, tmp_path, http_server: WebServer):
    def tickets(request):
        start = int(request.query.get("cursor", "") or 0)
        return {"data": TICKETS[start : start + 2], "next": str(start + 2) if start + 2 < len(TICKETS) else None}

    def orders(request):
        return [row for row in ORDERS if row["changed"] >= int(request.query["since"])]

    http_server.routes["/tickets"] = tickets
    http_server.routes["/orders"] = orders
    ran = walk(page, tmp_path, {"API_URL": http_server.url, "API_TOKEN": "t0ken-of-tests"})
    assert ran >= 1
    if "incremental" in page.name:
        assert [request.query["since"] for request in http_server.requests] == ["0", "200"]
    if "rest-api" in page.name:
        assert [request.headers["authorization"] for request in http_server.requests] == ["Bearer t0ken-of-tests"] * 2


def test_a_rest_api_takes_forty_lines():
    page = ROOT / "docs/how-to/rest-api-connector.md"
    source = next(block.text for block in blocks(page) if block.marks.get("file") == "lake_plugins.py")
    assert len([line for line in source.splitlines() if line.strip()]) <= 40
    ast.parse(source)
