"""The demo's shop and its courier: generated, the same on every machine, as dirty as real ones."""

from __future__ import annotations

import csv
import datetime as dt
import os
import random
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

CUSTOMERS, ORDERS, INVOICES, PARCELS = 5_000, 120_000, 60_000, 30_000
NEW_CUSTOMERS, CHANGED_CUSTOMERS, NEW_ORDERS, NEW_INVOICES, NEW_PARCELS = 40, 120, 1_500, 900, 800
BAD_INVOICES = 37
"""Invoices of the second day with a negative total: what the quality check holds back."""

_START = dt.date(2024, 1, 1)
_DAYS = 425
_FIRST = ("Ana", "Luis", "Marta", "Jorge", "Lucía", "Pablo", "Elena", "Diego", "Carmen", "Raúl", "Sofía", "Iván", "Óscar", "Nuria")
_LAST = ("García", "Núñez", "Pérez", "Muñoz", "Ruiz", "Ibáñez", "Soto", "Vidal", "Ortega", "León", "Ramos", "Gil", "Mora", "Cano")
_STATES = ("ACTIVO", "ACTIVO", "ACTIVO", "ACTIVO", "INACTIVO", "PENDIENTE")
_CHANNELS = ("web", "WEB", "Web", "tienda", "Tienda", "app", "APP", "marketplace")
_COURIERS = ("Veloz", "VELOZ", "Correa Express", "correa express", "Nube Logistics")

_TABLES = """
    CREATE TABLE clientes (
        cli_id INTEGER, cli_nom TEXT, cli_email TEXT, fecha_alta DATE, activo TEXT, estado TEXT, actualizado DATETIME
    );
    CREATE TABLE pedidos (ped_id INTEGER, cli_id INTEGER, fecha DATE, importe DECIMAL(10,2), canal TEXT, estado TEXT);
    CREATE TABLE facturas (fac_id INTEGER, ped_id INTEGER, fecha DATE, total DECIMAL(10,2));
    CREATE INDEX clientes_actualizado ON clientes (actualizado);
    CREATE INDEX pedidos_id ON pedidos (ped_id);
    CREATE INDEX facturas_id ON facturas (fac_id);
"""


def create_shop(path: Path) -> dict[str, int]:
    """Make the shop as it is on the first day; a shop of an earlier demo is replaced.

    Args:
        path: The SQLite file.

    Returns:
        Rows a table.
    """
    chance = random.Random(7).random
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as shop, shop:
        shop.executescript(_TABLES)
        customers = [_customer(chance, number, "2025-02-01 08:00:00") for number in range(1, CUSTOMERS + 1)]
        _insert(shop, "clientes", customers + [_stale(chance, row) for row in customers[::20]])
        orders = [_order(chance, number, CUSTOMERS) for number in range(1, ORDERS + 1)]
        _insert(shop, "pedidos", orders + orders[::400])
        _insert(shop, "facturas", [_invoice(number, orders[2 * number - 2]) for number in range(1, INVOICES + 1)])
        rows = _counts(shop)
    unfinished.replace(path)
    return rows


def change_shop(path: Path) -> dict[str, int]:
    """Let a day pass: new and changed customers, new orders, new invoices, some of them wrong.

    Args:
        path: What `create_shop` made.

    Returns:
        New rows a table.
    """
    chance = random.Random(8).random
    with closing(sqlite3.connect(path)) as shop, shop:
        before = _counts(shop)
        changed = [_customer(chance, 1 + 41 * index, "2025-03-02 10:30:00") for index in range(CHANGED_CUSTOMERS)]
        fresh = range(CUSTOMERS + 1, CUSTOMERS + NEW_CUSTOMERS + 1)
        _insert(shop, "clientes", changed + [_customer(chance, number, "2025-03-02 11:00:00") for number in fresh])
        orders = [_order(chance, ORDERS + number, CUSTOMERS + NEW_CUSTOMERS, "2025-03-02") for number in range(1, NEW_ORDERS + 1)]
        _insert(shop, "pedidos", orders)
        invoices = [_invoice(INVOICES + number, orders[number - 1]) for number in range(1, NEW_INVOICES + 1)]
        wrong = [(*row[:3], -round(1 + row[3], 2)) for row in invoices[:BAD_INVOICES]]
        _insert(shop, "facturas", wrong + invoices[BAD_INVOICES:])
        after = _counts(shop)
    return {table: after[table] - before[table] for table in after}


def create_drops(folder: Path) -> dict[str, int]:
    """Make the courier's files of the first day.

    Args:
        folder: Where they are dropped; the file of the second day is taken away.

    Returns:
        Rows a file.
    """
    chance = random.Random(9).random
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "envios-2025-03-02.csv").unlink(missing_ok=True)
    half = PARCELS // 2
    rows = [_parcel(chance, number, 3 * number) for number in range(1, PARCELS + 1)]
    return {
        name: _write_csv(folder / name, part)
        for name, part in (("envios-2025-02-28.csv", rows[:half]), ("envios-2025-03-01.csv", rows[half:]))
    }


def add_drop(folder: Path) -> dict[str, int]:
    """Drop the courier's file of the second day.

    Args:
        folder: Where they are dropped.

    Returns:
        Rows a file.
    """
    chance = random.Random(10).random
    rows = [_parcel(chance, PARCELS + number, 3 * (PARCELS + number)) for number in range(1, NEW_PARCELS + 1)]
    return {(name := "envios-2025-03-02.csv"): _write_csv(folder / name, rows)}


def _customer(chance: Callable[[], float], number: int, changed: str) -> tuple[Any, ...]:
    name = f"{_pick(chance, _FIRST)} {_pick(chance, _LAST)}"
    state = _pick(chance, _STATES)
    state = (state, state.lower(), state.title(), f" {state} ")[int(chance() * 4)] if chance() < 0.3 else state
    joined = "0000-00-00" if chance() < 0.01 else _day(chance)
    return (
        number,
        None if chance() < 0.006 else name,
        None if chance() < 0.04 else f"{'Cliente' if chance() < 0.2 else 'cliente'}{number}@example.com",
        joined,
        "1" if chance() < 0.9 else "0",
        "DELETED" if chance() < 0.012 else state,
        changed,
    )


def _stale(chance: Callable[[], float], row: tuple[Any, ...]) -> tuple[Any, ...]:
    """An older row of the same customer, as systems without a key collect them."""
    return (*row[:5], _pick(chance, _STATES), "2024-11-05 09:00:00")


def _order(chance: Callable[[], float], number: int, customers: int, day: str | None = None) -> tuple[Any, ...]:
    amount: float | None = round(5 + 400 * chance() ** 3, 2)
    luck = chance()
    if luck < 0.002:
        amount = None
    elif luck < 0.004:
        amount = -1.0
    customer = None if chance() < 0.002 else 1 + int(chance() * customers)
    state = "CANCELADO" if chance() < 0.05 else "pagado" if chance() < 0.2 else "PAGADO"
    return number, customer, day or _day(chance), amount, _pick(chance, _CHANNELS), state


def _invoice(number: int, order: tuple[Any, ...]) -> tuple[Any, ...]:
    return number, order[0], order[2], abs(order[3] or 0)


def _parcel(chance: Callable[[], float], number: int, order: int) -> tuple[Any, ...]:
    sent = dt.date.fromisoformat(_day(chance))
    courier = _pick(chance, _COURIERS)
    days = 1 + int(6 * chance() ** 2) + (2 if courier.startswith(("C", "c")) else 0)
    delivered = "" if chance() < 0.03 else (sent + dt.timedelta(days=days)).isoformat()
    return f"EV{number:06d}", order, courier, sent.isoformat(), delivered, f"{3 + 9 * chance():.2f}"


def _day(chance: Callable[[], float]) -> str:
    return (_START + dt.timedelta(days=int(chance() * _DAYS))).isoformat()


def _pick(chance: Callable[[], float], words: Sequence[str]) -> str:
    return words[int(chance() * len(words))]


def _insert(shop: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(rows[0]))
    shop.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _counts(shop: sqlite3.Connection) -> dict[str, int]:
    return {table: shop.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("clientes", "pedidos", "facturas")}


def _write_csv(path: Path, rows: Iterable[tuple[Any, ...]]) -> int:
    body = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("envio_id", "ped_id", "transportista", "enviado", "entregado", "coste"))
        writer.writerows(body)
    return len(body)
