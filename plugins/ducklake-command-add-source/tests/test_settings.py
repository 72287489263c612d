"""What is typed becomes what the option is, not what it looks like."""

import pytest

from ducklake_command_add_source.settings import answer, read
from ducklake_command_add_source.shape import Shape

SHAPE = Shape(
    {
        "properties": {
            "connection": {"$ref": "#/$defs/C"},
            "word": {"enum": ["on", "off"]},
            "parts": {"type": "array", "items": {"type": "string"}},
            "any": {},
        },
        "$defs": {
            "C": {
                "type": "object",
                "properties": {
                    "user": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "database": {"type": "string"},
                    "port": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    "rate": {"type": "number"},
                    "strict": {"type": "boolean"},
                    "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                    "query": {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "array"}]}},
                },
            }
        },
    }
)
LOOKS = ["0123", "1234", "yes", "true", "null", "~", "1e3", "1.50", "[x", "{x}", '"x"', "'", "- a", "# c"]


def typed(text, *place):
    return answer(text, SHAPE.types(place))


@pytest.mark.parametrize("text", LOOKS)
@pytest.mark.parametrize("option", ["user", "database"])
def test_text_stays_text(option, text):
    assert typed(text, "connection", option) == text


@pytest.mark.parametrize(
    ("place", "text", "value"),
    [
        (("connection", "port"), "5432", 5432),
        (("connection", "port"), "0123", "0123"),
        (("connection", "port"), "1e3", "1e3"),
        (("connection", "rate"), "1e3", 1000.0),
        (("connection", "rate"), "7", 7),
        (("connection", "rate"), "1.50", 1.5),
        (("connection", "strict"), "yes", True),
        (("connection", "strict"), "False", False),
        (("connection", "either"), "5", 5),
        (("connection", "either"), "05", "05"),
        (("word",), "on", "on"),
        (("parts",), "[a, b]", ["a", "b"]),
        (("any",), "5", 5),
    ],
)
def test_numbers_flags_and_lists_are_what_the_option_is(place, text, value):
    found = typed(text, *place)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["0123", "1234", "true", "1.5"])
def test_settings_of_text_stay_text(text):
    options, _ = read([f"connection.user={text}", f"connection.query.timeout={text}", "connection.port=5"], SHAPE)
    assert options == {"connection": {"user": text, "query": {"timeout": text}, "port": 5}}


def test_null_leaves_out_what_may_be_left_out():
    assert read(["connection.user=null", "connection.database=null"], SHAPE)[0] == {"connection": {"user": None, "database": "null"}}


def test_what_belongs_to_the_lake_is_read_as_yaml():
    assert read(["extract.batch_size=1000", "enabled=false"], SHAPE)[1] == {"extract": {"batch_size": 1000}, "enabled": False}
