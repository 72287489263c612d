"""What URLs and paths say, and that no message repeats a password."""

import pytest

from ducklake.errors import ConfigurationError
from ducklake_command_add_source.address import literal, options_of, parse
from ducklake_command_add_source.shape import Shape

SERVER = {
    "properties": {
        "connection": {
            "type": "object",
            "properties": {
                "host": {"type": "string", "default": "localhost"},
                "port": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "database": {"type": "string"},
                "user": {"type": "string"},
                "password": {"anyOf": [{"type": "string", "format": "password", "writeOnly": True}, {"type": "null"}]},
                "tls": {"enum": ["verify-full", "disable"]},
                "ca": {"type": "string"},
                "connect_timeout": {"type": "integer"},
                "strict": {"type": "boolean"},
            },
            "required": ["database"],
        }
    },
    "required": ["connection"],
}
SFTP = {
    "properties": {
        "connection": {"$ref": "#/$defs/C"},
        "path": {"type": "string"},
    },
    "$defs": {"C": {"type": "object", "properties": {word: {"type": "string"} for word in ("host", "port", "user", "password")}}},
    "required": ["connection", "path"],
}
FILE = {"properties": {"path": {"type": "string"}}, "required": ["path"]}
SQLITE = {"properties": {"connection": {"type": "object", "properties": {"database": {"type": "string"}}}}}
SQL = {
    "properties": {
        "connection": {
            "type": "object",
            "properties": {word: {"type": "string"} for word in ("drivername", "host", "port", "database", "user", "query")},
        }
    }
}


@pytest.fixture
def options(tmp_path):
    def of(text, schema=SERVER, here=tmp_path):
        address = parse(text)
        return options_of(address, address.kind, Shape(schema), here, tmp_path)

    return of


def test_a_url_is_taken_apart_and_percent_decoded():
    found = parse("postgres://l%40ctor:p%40ss%2Fw%3Ard%25%2B+@db.local:6543/ven%20tas?sslmode=require")
    assert (found.kind, found.host, found.port, found.user, found.path) == ("postgresql", "db.local", 6543, "l@ctor", "ven tas")
    assert found.password == "p@ss/w:rd%++"
    assert found.query == {"sslmode": "require"}
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("postgresql://h/d", "postgresql"),
        ("mariadb://h/d", "mysql"),
        ("mssql://h/d", "sqlserver"),
        ("sqlite:///shop.db", "sqlite"),
        ("https://api.example.com/v1", "api"),
        ("sftp://h/exports/x.csv", "sftp"),
        ("postgresql+psycopg://h/d", "sql"),
        ("moon://h/d", "moon"),
        ("drops/*.csv", "csv"),
        ("a/b.csv.gz", "csv"),
        ("shop.sqlite3", "sqlite"),
        ("what.is.this", None),
    ],
)
def test_the_type_follows_from_scheme_or_name(text, kind):
    assert parse(text).kind == kind


def test_a_sqlite_file_is_known_by_its_first_bytes(tmp_path):
    (tmp_path / "data").write_bytes(b"SQLite format 3\0" + bytes(84))
    assert parse(str(tmp_path / "data")).kind == "sqlite"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("postgresql://h/ventas", "ventas"),
        ("mysql://db.local:3306", "db"),
        ("drops/órdenes del día.csv", "rdenes_del_d_a"),
        ("drops/*.csv", None),
    ],
)
def test_a_plain_name_is_proposed(text, name):
    assert parse(text).name == name


def test_the_parts_become_the_options_that_the_connector_has(options):
    assert options("postgresql://u:pw@[::1]:6543/d?sslmode=disable&sslrootcert=c.pem&connect_timeout=3") == {
        "connection": {
            "host": "::1", "port": 6543, "database": "d", "user": "u", "tls": "disable", "ca": "c.pem", "connect_timeout": 3,
        }
    }  # fmt: skip
    assert options("mysql://h/d?ssl-mode=VERIFY_IDENTITY") == {"connection": {"host": "h", "database": "d", "tls": "verify-full"}}
    assert options("postgresql:///d?host=/run/postgresql") == {"connection": {"database": "d", "host": "/run/postgresql"}}
    assert options("sftp://u@h:22/exports/*.csv", SFTP) == {"connection": {"host": "h", "port": 22, "user": "u"}, "path": "/exports/*.csv"}
    assert options("mysql+pymysql://u@h/d?charset=utf8mb4", SQL) == {
        "connection": {"drivername": "mysql+pymysql", "query": {"charset": "utf8mb4"}, "host": "h", "database": "d", "user": "u"}
    }


@pytest.mark.parametrize("word", ["1234", "0", "true", "null", "1e3", "0123", "~"])
def test_a_parameter_that_is_text_stays_text_whatever_it_looks_like(options, word):
    assert options(f"postgresql://h/d?user={word}&host={word}")["connection"] == {"host": word, "database": "d", "user": word}


def test_a_parameter_is_a_number_or_a_flag_where_the_option_is(options):
    assert options("postgresql://h/d?port=5433&strict=true")["connection"] == {"host": "h", "database": "d", "port": 5433, "strict": True}


@pytest.mark.parametrize("path", ["v1/a%2Fb", "v1/a%20b%3Fc", "%C3%B1", "a+b", "v1"])
def test_the_path_of_an_api_stays_as_it_is_encoded(options, path):
    api = {"properties": {"connection": {"type": "object", "properties": {"base_url": {"type": "string"}}}}}
    assert options(f"https://api.example.com:8443/{path}/", api) == {"connection": {"base_url": f"https://api.example.com:8443/{path}"}}


@pytest.mark.parametrize("text", ["sqlite:///~no_such_user_here", "sqlite:///~no_such_user_here/shop.db", "~no_such_user_here/shop.db"])
def test_a_home_folder_that_is_not_there_is_an_error_of_one_line(options, text):
    with pytest.raises(ConfigurationError, match="no home folder ~no_such_user_here") as caught:
        options(text, SQLITE)
    assert "./~no_such_user_here" in caught.value.problem.hint


def test_a_file_whose_name_begins_like_a_home_folder_is_found_again(options, tmp_path):
    assert options("sqlite:///./~shop.db", SQLITE) == {"connection": {"database": str(tmp_path / "~shop.db")}}


def test_paths_are_relative_to_where_they_are_typed(options, tmp_path):
    (tmp_path / "in").mkdir()
    assert options("drops/*.csv", FILE) == {"path": "drops/*.csv"}
    assert options("*.csv", FILE, tmp_path / "in") == {"path": "in/*.csv"}
    assert options("sqlite:///shop.db", SQLITE) == {"connection": {"database": "shop.db"}}
    assert options("sqlite:////var/shop.db", SQLITE) == {"connection": {"database": "/var/shop.db"}}
    assert options("other.csv", FILE, tmp_path.parent) == {"path": str(tmp_path.parent / "other.csv")}


def test_what_looks_like_a_reference_is_written_as_text(options):
    assert options("postgresql://h/$%7BHOME%7D")["connection"]["database"] == "$${HOME}"
    assert literal("${X}") == "$${X}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("postgresql://h/d?application_name=x&a=1", "no parameter a, application_name"),
        ("postgresql://h/d?sslmode=prefer", "sslmode=prefer"),
        ("postgresql://h/d?sslmode=require&sslmode=disable", "twice"),
        ("postgresql+psycopg://h/d?password=x", "parameter password is secret"),
        ("postgresql://h/d?sslpassword=x", "parameter sslpassword is secret"),
        ("sqlite://", "file is missing"),
        ("sqlite:///shop.db?mode=ro", "no parameter mode"),
    ],
)
def test_what_has_no_place_is_an_error_that_names_it(options, text, message):
    with pytest.raises(ConfigurationError, match=message):
        options(text, SQLITE if text.startswith("sqlite") else SERVER)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:hun/ter2@h/d",
        "postgresql://u:hun#ter2@h/d",
        "postgresql://u:hun?ter2@h/d",
        "postgresql://u@h:hunter2/d",
        "post gres://u:hunter2@h/d",
        "postgresql://u:hunter2@[::1/d",
    ],
)
def test_a_url_that_is_wrong_is_not_repeated(text):
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert "ter2" not in str(caught.value)
    assert "hun" not in str(caught.value)
