"""How the driver is told where to go, and what its errors become."""

from __future__ import annotations

import pytest

from ducklake.errors import DataError, PluginError, SourceError
from ducklake_connector_sqlserver import drivers
from ducklake_connector_sqlserver.errors import SQL_SERVER, explained, told
from ducklake_connector_sqlserver.odbc import Diagnostic, diagnostic_of
from ducklake_connector_sqlserver.options import SqlServerConnection

NEWEST = "ODBC Driver 18 for SQL Server"


def fields(**changes):
    options = SqlServerConnection(**{"host": "db.example.com", "database": "ventas", "user": "lector", "password": "p", **changes})
    return drivers.fields_of(options, NEWEST, "ducklake/erp")


def string(**changes):
    return drivers.joined(fields(**changes))


def test_a_connection_is_encrypted_and_the_server_checked():
    assert string() == (
        "Driver={ODBC Driver 18 for SQL Server};Server=db.example.com,1433;Database=ventas;APP=ducklake/erp;ConnectRetryCount=0;"
        "MARS_Connection=no;Encrypt=yes;TrustServerCertificate=no;UID=lector;PWD=p;"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tls": "require"}, {"Encrypt": "yes", "TrustServerCertificate": "yes"}),
        ({"tls": "disable"}, {"Encrypt": "no", "TrustServerCertificate": "yes"}),
        ({"strict": True}, {"Encrypt": "strict", "TrustServerCertificate": "no"}),
        ({"host": "127.0.0.1"}, {"Encrypt": "no"}),
        ({"host": "localhost\\SQLEXPRESS"}, {"Encrypt": "no", "Server": "localhost\\SQLEXPRESS"}),
        ({"host": "localhost", "tls": "verify-full"}, {"Encrypt": "yes", "TrustServerCertificate": "no"}),
        ({"name_in_certificate": "sql.corp"}, {"HostNameInCertificate": "sql.corp"}),
        ({"port": 14330}, {"Server": "db.example.com,14330"}),
        ({"read_only": True}, {"ApplicationIntent": "ReadOnly"}),
        ({"multi_subnet": True}, {"MultiSubnetFailover": "Yes"}),
        ({"authentication": "windows", "user": None, "password": None}, {"Trusted_Connection": "yes"}),
        ({"authentication": "ActiveDirectoryMsi", "user": None, "password": None}, {"Authentication": "ActiveDirectoryMsi"}),
        (
            {"authentication": "ActiveDirectoryServicePrincipal", "user": "id"},
            {"Authentication": "ActiveDirectoryServicePrincipal", "UID": "id", "PWD": "p"},
        ),
    ],
)
def test_each_option_is_told_in_the_words_of_the_driver(changes, expected):
    found = fields(**changes)
    assert {name: found[name] for name in expected} == expected
    if "Trusted_Connection" in expected or expected.get("Authentication") == "ActiveDirectoryMsi":
        assert "UID" not in found
        assert "PWD" not in found


@pytest.mark.parametrize("password", ["a;b", "}x{", "=;UID=sa;", "{y}", "ñ 'x'", "}}"])
def test_a_password_of_any_characters_is_one_value(password):
    found = string(password=password)
    assert found.endswith("PWD={" + password.replace("}", "}}") + "};")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ca": "ca.pem"}, "takes no such file"),
        ({"tls": "verify-ca"}, "name_in_certificate"),
        ({"strict": True, "tls": "require"}, "strict"),
        ({"host": "h\\i", "port": 1}, "not with both"),
        ({"user": None}, "needs one"),
        ({"authentication": "windows"}, "leave it out"),
        ({"host": "mssql://u:p@h"}, "is a URL"),
    ],
)
def test_what_the_driver_cannot_do_is_refused_before_any_connection(changes, words):
    with pytest.raises(ValueError, match=words):
        fields(**changes)


def test_what_is_not_checked_is_warned_of_but_to_this_machine():
    def unsafe(**changes):
        return SqlServerConnection(database="d", user="u", **changes).unsafe

    assert "in the clear" in unsafe(host="db.example.com", tls="disable")
    assert "pretend" in unsafe(host="db.example.com", tls="require")
    assert unsafe(host="db.example.com") is None
    assert unsafe(host="localhost\\A", tls="disable") is None


def test_the_newest_driver_is_taken():
    found = ["ODBC Driver 17 for SQL Server", NEWEST, "ODBC Driver 9 for SQL Server", "SQL Server", "PostgreSQL Unicode"]
    assert drivers.choose("erp", None, found) == NEWEST
    assert drivers.choose("erp", "SQL Server", found) == "SQL Server"


@pytest.mark.parametrize(
    ("platform", "words"),
    [("linux", "apt-get install -y msodbcsql18"), ("win32", "winget install"), ("darwin", "brew install msodbcsql18")],
)
def test_a_missing_driver_says_how_to_install_it(monkeypatch, platform, words):
    assert words in drivers.install_hint(platform)
    with pytest.raises(PluginError, match="erp: Microsoft's ODBC driver for SQL Server is not installed") as caught:
        drivers.choose("erp", None, ["PostgreSQL Unicode"])
    assert "msodbcsql" in caught.value.problem.hint
    with pytest.raises(PluginError, match="'Other' is not installed; there is: A, B"):
        drivers.choose("erp", "Other", ["A", "B"])


def arrow_error(text):
    """As arrow-odbc raises it, without its native part."""
    kind = type("Error", (Exception,), {"__module__": "arrow_odbc.error"})
    return kind(text)


def pyodbc_error(*arguments):
    pyodbc = pytest.importorskip("pyodbc", reason="needs a server: an ODBC driver manager: apt-get install unixodbc", exc_type=ImportError)
    return pyodbc.Error(*arguments)


def test_both_libraries_say_the_same():
    message = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Invalid object name 'x'."
    expected = Diagnostic("42S02", 208, message)
    assert diagnostic_of(pyodbc_error("42S02", f"[42S02] {message} (208) (SQLExecDirectW)")) == expected
    text = f"ODBC emitted an error calling 'SQLExecDirect':\nState: 42S02, Native error: 208, Message: {message}"
    assert diagnostic_of(arrow_error(text)) == expected
    assert diagnostic_of(ValueError("x")) is None


@pytest.mark.parametrize(
    ("state", "number", "kind", "retryable", "hint"),
    [
        ("28000", 18456, SourceError, False, "connection.user and connection.password"),
        ("42000", 4060, SourceError, False, "connection.database"),
        ("42000", 229, DataError, False, "GRANT SELECT"),
        ("42S02", 208, DataError, False, "test-connection"),
        ("40001", 1205, SourceError, True, "deadlock"),
        ("42000", 3960, SourceError, True, "another transaction"),
        ("42000", 3961, SourceError, True, "altered"),
        ("08S01", 10054, SourceError, True, None),
        ("08S01", 0, SourceError, True, None),
        ("HYT00", 0, SourceError, True, "connection.host"),
        ("42000", 8155, DataError, False, "name each column"),
        ("42000", 102, DataError, False, None),
        ("22018", 245, DataError, False, None),
        ("HY000", 40613, SourceError, True, "not available"),
    ],
)
def test_errors_are_told_by_what_the_reader_can_do(state, number, kind, retryable, hint):
    error = told("erp.t", Diagnostic(state, number, "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Some words"), None)
    assert type(error) is kind
    assert error.retryable == retryable
    assert (error.problem.hint is None) == (hint is None)
    assert hint is None or hint in error.problem.hint
    assert "Some words" in error.problem.message
    assert error.problem.message.startswith("erp.t: ")
    assert "[Microsoft]" not in error.problem.message


def test_a_certificate_that_nobody_vouches_for_says_what_to_do():
    message = "SSL Provider: [error:0A000086:SSL routines::certificate verify failed:self-signed certificate]"
    error = told("erp", Diagnostic("08001", -1, message), None, connecting=True)
    assert isinstance(error, SourceError)
    assert not error.retryable
    assert "tls: require" in error.problem.hint


def test_no_error_shows_a_password():
    with pytest.raises(SourceError) as caught, explained("erp", "hunter2;}", connecting=True):
        raise arrow_error("State: 28000, Native error: 18456, Message: Login failed with PWD=hunter2;} for user 'u'.")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_number_has_two_meanings():
    groups = [set(SQL_SERVER.access), set(SQL_SERVER.passing), set(SQL_SERVER.data), set(SQL_SERVER.missing), set(SQL_SERVER.rights)]
    assert sum(map(len, groups)) == len(set().union(*groups))
