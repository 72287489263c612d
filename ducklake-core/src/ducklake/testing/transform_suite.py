"""What DuckLake expects of every transform."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from ducklake.testing.suites import HOSTILE_NAMES, Suite, check_class, refuses_unknown_options, same_rows

if TYPE_CHECKING:
    from ducklake.api.engine import EngineSession
    from ducklake.api.transform import AnyTransform
    from ducklake.testing.steps import StepResult


@dataclasses.dataclass(frozen=True, slots=True)
class TransformCase:
    """A transform and what it is to do.

    Attributes:
        transform: The class.
        options: Its options as in YAML; a function gets the name of `column`, which tests change.
        rows: A SELECT that makes its input, whose columns the options name.
        expected: The rows that come out, in any order; None leaves that to other tests.
        column: The input's column that options name, if they are a function.
        aliases: What the pipeline calls its inputs.
        cannot: Words to reasons: `pass_other_columns_on` (an aggregate, for example), `name_a_missing_column`.
    """

    transform: type[AnyTransform]
    options: Mapping[str, Any] | Callable[[str], Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    rows: str = "SELECT 1 AS id, 'Ana' AS name"
    expected: Sequence[Sequence[Any]] | None = None
    column: str | None = None
    aliases: Sequence[str] = ()
    cannot: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def make(self, column: str | None = None) -> AnyTransform:
        """The transform with its options.

        Args:
            column: Another name for `column`.
        """
        return self.transform(self.transform.Options.model_validate(dict(self.yaml(column))))

    def yaml(self, column: str | None = None) -> Mapping[str, Any]:
        """The options as in YAML.

        Args:
            column: Another name for `column`.
        """
        return self.options(column or self.column or "") if callable(self.options) else self.options


class TransformTests(Suite):
    """Declared is what comes out, whatever goes in; names and values are data."""

    case: ClassVar[TransformCase]

    def test_the_class_can_be_registered(self) -> None:
        """It has a plain name and options with descriptions."""
        check_class(self.case.transform, "register_transforms")

    def test_options_that_do_not_exist_are_refused(self) -> None:
        """A misspelt key is an error."""
        refuses_unknown_options(self.case.transform, self.case.yaml())

    def test_the_rows_are_as_expected(self, engine_session: EngineSession) -> None:
        """`rows` become `expected`."""
        self.needs("expected", "rows are compared")
        same_rows(self._run(engine_session, self.case.rows).rows, self.case.expected or (), "rows")

    def test_what_is_declared_comes_out(self, engine_session: EngineSession) -> None:
        """Names and types of `output` are those of the rows."""
        self._run(engine_session, self.case.rows)

    def test_no_rows_are_no_problem(self, engine_session: EngineSession) -> None:
        """An input without rows gives the same columns."""
        with_rows = self._run(engine_session, self.case.rows)
        without = self._run(engine_session, f"SELECT * FROM ({self.case.rows}) WHERE false")
        assert without.types == with_rows.types, "the columns change where the input has no rows"

    def test_nulls_are_no_problem(self, engine_session: EngineSession) -> None:
        """An input with NULL in every column gives the same columns."""
        columns = engine_session.describe(self.case.rows)
        nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {_quoted(column.name)}" for column in columns)
        found = self._run(engine_session, f"SELECT {nulls} UNION ALL {self.case.rows}")
        assert found.types == self._run(engine_session, self.case.rows).types, "the columns change where the input has NULLs"

    def test_the_same_rows_again_give_the_same(self, engine_session: EngineSession) -> None:
        """A step depends on its input only."""
        first, second = (self._run(engine_session, self.case.rows) for _ in range(2))
        same_rows(second.rows, first.rows, "rows of the second run")

    def test_other_columns_of_every_type_come_through(self, engine_session: EngineSession) -> None:
        """Columns that the options do not name keep their types and values."""
        self.needs("pass_other_columns_on", "")
        from ducklake.testing.steps import text_of
        from ducklake.testing.values import VALUES, every_type

        wide = f"SELECT * FROM ({self.case.rows}) CROSS JOIN ({every_type('ride_along')})"
        found = self._run(engine_session, wide, as_text=True)
        lost = [f"ride_along_{at}" for at in range(len(VALUES)) if f"ride_along_{at}" not in found.types]
        assert not lost, f"columns that it was not told of are gone: {', '.join(lost)}"
        before = {column.name: column.type for column in engine_session.describe(wide)}
        changed = [name for name, kind in found.types.items() if name.startswith("ride_along_") and before[name] != kind]
        assert not changed, f"columns that it was not told of changed their types: {', '.join(changed)}"
        places = [at for at, name in enumerate(found.types) if name.startswith("ride_along_")]
        names = ", ".join(name for name in found.types if name.startswith("ride_along_"))
        values = {repr([row[at] for at in places]) for row in found.rows}
        allowed = {repr(list(row)) for row in engine_session.fetch(text_of(f"SELECT {names} FROM ({every_type('ride_along')})"))}
        assert values <= allowed, f"values of columns that it was not told of changed: {values - allowed}"

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_names_are_data(self, engine_session: EngineSession, name: str) -> None:
        """A column may be called anything."""
        self.needs("column", "a column is renamed")
        found = self._run(engine_session, self._renamed(name), name)
        plain = self._run(engine_session, self.case.rows)
        same_rows(found.rows, plain.rows, f"rows where the column is called {name!r}")

    def test_a_column_that_is_missing_is_named(self, engine_session: EngineSession) -> None:
        """An option that names no column of the input is refused before anything runs, with did-you-mean."""
        self.needs("column", "a column is taken away")
        self.needs("name_a_missing_column", "")
        from ducklake.api.engine import EngineError
        from ducklake.api.options import OptionError
        from ducklake.api.tables import UnknownColumn

        try:
            self._run(engine_session, self._renamed("another_column"))
        except UnknownColumn as error:
            if error.name != self.case.column:
                raise AssertionError(f"it says that {error.name!r} is missing, which is {self.case.column!r}") from error
        except OptionError:
            pass
        except EngineError as error:
            raise AssertionError(f"the engine found out; ask inputs[0].schema.require(name) first: {error}") from error
        else:
            raise AssertionError(f"nothing happened without the column {self.case.column!r}")

    def test_the_statement_is_one_select(self, engine_session: EngineSession) -> None:
        """It stands in a larger statement, so it is exactly one SELECT."""
        from ducklake.api.engine import EngineError
        from ducklake.api.transform import Transform

        if not issubclass(self.case.transform, Transform):
            pytest.skip("written in Python, it has no statement")
        sql = self._run(engine_session, self.case.rows).sql
        try:
            engine_session.single_select(sql)
            engine_session.fetch(f"WITH step AS (\n{sql}\n) SELECT count(*) FROM step")
        except EngineError as error:
            raise AssertionError(f"no SELECT that can stand in another: {error}") from error

    @pytest.mark.parametrize("batch_size", [1, 1000])
    def test_the_size_of_batches_does_not_matter(self, engine_session: EngineSession, batch_size: int) -> None:
        """Rows come in batches of any size, possibly with empty ones between them."""
        from ducklake.api.transform import PythonTransform

        if not issubclass(self.case.transform, PythonTransform):
            pytest.skip("written in SQL, it gets no batches")
        many = f"SELECT * FROM ({self.case.rows}) CROSS JOIN range(3) AS again(number)"
        found = self._run(engine_session, many, batch_size=batch_size)
        same_rows(found.rows, self._run(engine_session, many).rows, f"rows of batches of {batch_size}")

    def _run(
        self, session: EngineSession, rows: str, column: str | None = None, batch_size: int | None = None, as_text: bool = False
    ) -> StepResult:
        from ducklake.testing.steps import run_transform

        return run_transform(session, self.case.make(column), rows, aliases=self.case.aliases, batch_size=batch_size, as_text=as_text)

    def _renamed(self, name: str) -> str:
        return f"SELECT * RENAME ({_quoted(self.case.column or '')} AS {_quoted(name)}) FROM ({self.case.rows})"


def _quoted(name: str) -> str:
    from ducklake.api.sql import quote

    return quote(name)
