"""A connector that keeps everything, and one for each way not to."""

import json
import threading
import time
from itertools import count

import pyarrow as pa
from pydantic import ConfigDict, Field, SecretStr

from ducklake.api import Connector, Extraction, Options, Overlap, Session, SourceTable
from ducklake.errors import DataError, SourceError
from ducklake.testing import ConnectorCase, ConnectorTests

TYPES = {"int64": pa.int64(), "string": pa.string()}


class GoodOptions(Options):
    path: str = Field(description="A JSON file.")
    password: SecretStr = Field(default=SecretStr(""), description="For the file.")


class Good(Connector[GoodOptions]):
    name = "sample"
    capabilities = frozenset({"tables", "incremental"})

    def load(self):
        try:
            return json.loads(self.context.resolve(self.options.path).read_text(encoding="utf-8"))
        except OSError as error:
            raise SourceError(f"{self.context.source}: cannot read {self.options.path}") from error

    def validate_connection(self):
        self.load()

    def open(self, requests):
        return self.session(self)

    class session(Session):
        def __init__(self, connector):
            self.connector = connector
            self.data = connector.load()
            self.cancelled = threading.Event()

        def tables(self):
            return [SourceTable(name) for name in self.data]

        def get_schema(self, table):
            if table not in self.data:
                raise DataError(f"{self.connector.context.source}.{table}: no such table")
            return pa.schema([(name, TYPES[kind]) for name, kind in self.data[table]["types"].items()])

        def rows(self, table, request):
            return self.data[table]["rows"]

        def extract(self, request):
            schema = self.get_schema(request.table)
            rows, state, overlap = self.rows(request.table, request), None, None
            if request.mode == "incremental":
                at = schema.names.index(request.key_column)
                rows, state, overlap = self.increment(rows, at, request)
            return Extraction(schema=schema, streams=[self.batches(rows, schema, request)], state=state, overlap=overlap)

        def increment(self, rows, at, request):
            low = (request.state or {}).get("high")
            chosen = [row for row in rows if row[at] is None or low is None or row[at] >= int(low)]
            keys = [row[at] for row in rows if row[at] is not None]
            overlap = Overlap(request.key_column, low) if request.state else None
            return chosen, {"high": str(max(keys)) if keys else None}, overlap

        def batches(self, rows, schema, request):
            for start in range(0, len(rows), request.batch_size):
                if self.cancelled.is_set():
                    return
                yield self.batch(rows[start : start + request.batch_size], schema)

        def batch(self, rows, schema):
            return pa.RecordBatch.from_arrays(
                [pa.array(values, f.type) for values, f in zip(zip(*rows, strict=True), schema, strict=True)], schema=schema
            )

        def cancel(self):
            self.cancelled.set()


def fill(place, tables):
    data = {
        name: {
            "types": {field.name: str(field.type) for field in table.schema},
            "rows": [list(row.values()) for row in table.to_pylist()],
        }
        for name, table in tables.items()
    }
    (place.folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
    return {"path": "data.json"}


def sample(place):
    rows = [[number, f"name {number}"] for number in range(20)]
    return fill(place, {"people": pa.table({"id": [r[0] for r in rows], "name": [r[1] for r in rows]})})


def case(connector=Good, **changes):
    unreachable = [{"path": "missing.json", "password": "s3cr3t-w0rd"}]
    return ConnectorCase(connector, **{"options": sample, "unreachable": unreachable, "fill": fill, **changes})


def hostile(test, connector=Good, session=None, patience=30.0, **changes):
    """A class whose plugin must fail a test."""
    if session is not None:
        connector = type("Hostile", (connector,), {"session": session})
    name = f"TestHostile_{test}"
    globals()[name] = type(name, (ConnectorTests,), {"case": case(connector, **changes), "must_fail": test, "patience": patience})


class NameOfItsOwn(Good):
    name = "Not Plain"


hostile("test_the_class_can_be_registered", NameOfItsOwn)


hostile("test_what_it_says_of_increments_is_proved", fill=None)


class LooseOptions(GoodOptions):
    model_config = ConfigDict(extra="ignore")


class Loose(Good):
    Options = LooseOptions


hostile("test_options_that_do_not_exist_are_refused", Loose)


class BareOptions(Options):
    path: str = Field(description="A file.")
    api_token: str = Field(default="", description="Shown to everybody.")


class Bare(Good):
    Options = BareOptions


hostile("test_secrets_are_marked", Bare)


class Once(Good):
    asked = False

    def validate_connection(self):
        if self.asked:
            raise SourceError("sample: already connected")
        self.asked = True


hostile("test_it_connects", Once)


class Talkative(Good):
    def load(self):
        try:
            return super().load()
        except SourceError as error:
            raise SourceError(f"{self.context.source}: login with {self.options.password.get_secret_value()} failed") from error


hostile("test_what_cannot_be_reached_is_an_error_of_one_line", Talkative)


class Doubled(Good.session):
    def tables(self):
        return [*super().tables(), *super().tables()]


hostile("test_its_tables_have_names_of_their_own", session=Doubled)


class Boastful(Good.session):
    def indexed_columns(self, table):
        return {"no_such_column": True}


hostile("test_what_is_indexed_are_columns", session=Boastful)


class Vain(Good.session):
    def change_column(self, table):
        return "no_such_column"


hostile("test_what_is_raised_with_each_change_is_a_column", session=Vain)


class Obliging(Good.session):
    def extract(self, request):
        if request.table not in self.data:
            return Extraction(schema=pa.schema([("id", pa.int64())]))
        return super().extract(request)

    def get_schema(self, table):
        return super().get_schema(table) if table in self.data else pa.schema([("id", pa.int64())])


hostile("test_a_table_that_does_not_exist_is_an_error", session=Obliging)


class Liar(Good.session):
    def extract(self, request):
        found = super().extract(request)
        schema = pa.schema([("id", pa.int32()), ("name", pa.string())])
        return Extraction(schema=schema, streams=[(batch.cast(schema) for batch in found.streams[0])])


hostile("test_what_is_declared_is_delivered", session=Liar)


class Odd(Good.session):
    def get_schema(self, table):
        return super().get_schema(table).append(pa.field("age", pa.duration("s")))


hostile("test_every_type_can_land", session=Odd)

calls = count()


class Moody(Good.session):
    def rows(self, table, request):
        return super().rows(table, request)[next(calls) % 2 :]


hostile("test_reading_again_gives_the_same_rows", session=Moody)


class Careless(Good.session):
    def batches(self, rows, schema, request):
        return super().batches(rows[: len(rows) // request.batch_size * request.batch_size or None], schema, request)


hostile("test_the_size_of_batches_does_not_matter", session=Careless)


class Stately(Good.session):
    def extract(self, request):
        found = super().extract(request)
        return Extraction(schema=found.schema, streams=found.streams, state={"seen": {1, 2}})


hostile("test_the_state_is_json", session=Stately)


class Shared(Good.session):
    """Keeps one stream open: what one reader has taken, the next one lacks."""

    stream = None

    def batches(self, rows, schema, request):
        self.stream = self.stream or iter([self.batch([row], schema) for row in rows])
        yield from self.stream
        self.stream = None


hostile("test_stopping_early_harms_nothing", session=Shared)


class Deaf(Good.session):
    def batches(self, rows, schema, request):
        for batch in super().batches(rows, schema, request):
            yield batch
            while self.cancelled.is_set():
                time.sleep(0.01)


hostile("test_it_can_be_cancelled_in_mid_stream", session=Deaf, patience=0.5)


class Trimming(Good.session):
    def rows(self, table, request):
        return [[row[0], row[1].lstrip("0") if row[1] else "NULL"] for row in super().rows(table, request)]


hostile("test_rows_come_as_they_were_put_in", session=Trimming)


class Forgetful(Good.session):
    def tables(self):
        return [table for table in super().tables() if self.data[table.name]["rows"]]


hostile("test_a_table_without_rows_lands", session=Forgetful)


class Greedy(Good):
    def open(self, requests):
        session = super().open(requests)
        next(iter(session.data))
        return session


hostile("test_a_source_without_tables_is_no_error", Greedy)


class Folding(Good.session):
    def tables(self):
        return [SourceTable(table.name.lower().strip()) for table in super().tables()]

    def get_schema(self, table):
        return super().get_schema(next(name for name in self.data if name.lower().strip() == table))

    def rows(self, table, request):
        return super().rows(next(name for name in self.data if name.lower().strip() == table), request)


hostile("test_names_are_data", session=Folding)


class Cutting(Good.session):
    def rows(self, table, request):
        return [[row[0], row[1][:65_535]] for row in super().rows(table, request)]


hostile("test_a_huge_cell_lands", session=Cutting)


class Strict(Good.session):
    """Reads what is greater than the highest key, and so never sees a tie."""

    def increment(self, rows, at, request):
        low = (request.state or {}).get("high")
        chosen, state, _ = super().increment(rows, at, request)
        return [row for row in chosen if row[at] is None or low is None or row[at] > int(low)], state, None


hostile("test_an_increment_brings_what_is_new", session=Strict)


class Repeating(Good.session):
    def increment(self, rows, at, request):
        chosen, state, _ = super().increment(rows, at, request)
        return chosen, state, None


hostile("test_an_increment_without_news_is_empty", session=Repeating)


class Hasty(Good.session):
    def increment(self, rows, at, request):
        chosen, state, overlap = super().increment(rows, at, request)
        return chosen, {"high": state["high"] or "9999"}, overlap


hostile("test_an_increment_of_an_empty_table_waits_for_rows", session=Hasty)


class Keyed(Good.session):
    def increment(self, rows, at, request):
        chosen, state, overlap = super().increment(rows, at, request)
        return [row for row in chosen if row[at] is not None or request.state is None], state, overlap


hostile("test_rows_without_a_key_land_once", session=Keyed)


class Ledger(Good):
    capabilities = frozenset({"tables", "ledger"})

    class session(Good.session):
        def extract(self, request):
            schema = self.get_schema(request.table)
            return Extraction(schema=schema, streams=[self.batches(self.rows(request.table, request), schema, request)], state={})


hostile("test_the_same_content_lands_once", Ledger)


class Hoarding(Good.session):
    def tables(self):
        return [SourceTable("large")]

    def get_schema(self, table):
        return pa.schema([("id", pa.int64())])

    def extract(self, request):
        return Extraction(schema=self.get_schema("large"), streams=[self.hoard()])

    def hoard(self):
        held = pa.py_buffer(b"x" * 360_000_000)
        batch = pa.RecordBatch.from_arrays([pa.Array.from_buffers(pa.int64(), 45_000_000, [None, held])], ["id"])
        for _ in range(6):
            yield batch


hostile("test_two_gigabytes_stream_through_little_memory", session=Hoarding, large=sample)
