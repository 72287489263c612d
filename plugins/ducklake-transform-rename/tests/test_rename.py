import pytest
from pydantic import ValidationError

from ducklake.api import OptionError, UnknownColumn
from ducklake.testing.steps import run_transform
from ducklake_transform_rename.transform import Rename, RenameOptions

ROWS = "SELECT 1 AS cli_id, 'Ana' AS cli_nom, true AS activo"


def rename(columns):
    return Rename(RenameOptions(columns=columns))


def test_columns_get_other_names_and_keep_order_type_and_rows(engine_session):
    result = run_transform(engine_session, rename({"cli_nom": "nombre", "cli_id": "cliente_id"}), ROWS)
    assert result.types == {"cliente_id": "INTEGER", "nombre": "VARCHAR", "activo": "BOOLEAN"}
    assert result.rows == [(1, "Ana", True)]


def test_two_columns_can_swap_their_names(engine_session):
    result = run_transform(engine_session, rename({"cli_id": "cli_nom", "cli_nom": "cli_id"}), ROWS)
    assert result.schema.names == ("cli_nom", "cli_id", "activo")
    assert result.rows == [(1, "Ana", True)]


def test_the_case_of_a_name_can_change(engine_session):
    assert run_transform(engine_session, rename({"CLI_ID": "Cli_Id"}), ROWS).schema.names[0] == "Cli_Id"


@pytest.mark.parametrize("name", ['with "quotes"', "select", "año 🦆", "a.b", "--", " "])
def test_names_are_data(engine_session, name):
    quoted = name.replace('"', '""')
    there = run_transform(engine_session, rename({"cli_id": name}), ROWS)
    assert there.schema.names[0] == name
    back = run_transform(engine_session, rename({name: "x"}), f'SELECT 1 AS "{quoted}"')
    assert back.rows == [(1,)]


def test_a_column_that_is_not_there_is_named(engine_session):
    with pytest.raises(UnknownColumn) as caught:
        run_transform(engine_session, rename({"cli_idd": "x"}), ROWS)
    assert caught.value.name == "cli_idd"
    assert "cli_id" in caught.value.known


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"cli_id": "Activo"}, "there is a column 'activo' already"),
        ({"cli_id": "x", "cli_nom": "X"}, "'cli_id' and 'cli_nom' would both be called 'X'"),
        ({"cli_id": "x", "CLI_ID": "y"}, "'cli_id' is renamed twice"),
    ],
)
def test_names_that_clash_are_refused_at_the_key(engine_session, columns, message):
    with pytest.raises(OptionError, match=message) as caught:
        run_transform(engine_session, rename(columns), ROWS)
    assert caught.value.path[0] == "columns"
    assert caught.value.path[1] in columns


@pytest.mark.parametrize("columns", [{}, {"a": ""}])
def test_nothing_to_rename_is_refused(columns):
    with pytest.raises(ValidationError):
        RenameOptions(columns=columns)
