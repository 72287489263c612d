"""Passwords come back out of .env as they went in."""

import io

import pytest
from dotenv import dotenv_values

from ducklake.errors import ConfigurationError
from ducklake_command_add_source.variables import choose, read, with_variable

PASSWORDS = [
    "plain",
    "with space",
    " leading and trailing ",
    "it's",
    'say "hi"',
    "both ' and \"",
    "dollar$HOME and $$",
    "${HOME}",
    "hash # comment",
    "#first",
    "back\\slash",
    "ends with backslash\\",
    "two\\\\",
    "ends ' with \\",
    "# ends\\",
    "new\nline",
    "carriage\rreturn\r\n",
    "tab\tbell\a",
    "=equals=",
    "export X=1",
    "'quoted'",
    '"quoted"',
    "\\'",
    "\\n is no line feed",
    "ñandú ümläut 密码 🦆",
    "`backtick` $(rm -rf)",
    "!bang %percent &and *star",
    "\u2028separator\u0085",
]


@pytest.mark.parametrize("password", PASSWORDS, ids=repr)
@pytest.mark.parametrize(
    "before", ["", "A=1\n", "# note\nB='x y'\nC=\"z\"", "A=1\r\nB='it\\'s'\r\n"], ids=["none", "one", "no_end", "crlf"]
)
def test_what_was_written_is_read_back(password, before):
    text = with_variable(before, "ERP_PASSWORD", password)
    assert text.startswith(before)
    assert read(text) == {**read(before), "ERP_PASSWORD": password}
    if "\r" not in before:
        assert dotenv_values(stream=io.StringIO(text), interpolate=False)["ERP_PASSWORD"] == password
    assert ("\r\n" in before) == text.endswith("\r\n")


def test_hostile_passwords_do_not_disturb_each_other():
    text = ""
    written = {}
    for number, password in enumerate(PASSWORDS):
        text = with_variable(text, f"P{number}", password)
        written[f"P{number}"] = password
    assert read(text) == written


def test_the_name_is_that_of_the_source():
    assert choose("erp-2", "password", "x", {}, {}) == "ERP_2_PASSWORD"
    assert choose("2erp", "token", "x", {}, {}) == "SOURCE_2ERP_TOKEN"


def test_a_name_that_holds_something_else_is_left_alone():
    assert choose("erp", "password", "x", {"ERP_PASSWORD": "x"}, {}) == "ERP_PASSWORD"
    assert choose("erp", "password", "x", {"ERP_PASSWORD": "y"}, {}) == "ERP_PASSWORD_2"
    assert choose("erp", "password", "x", {}, {"ERP_PASSWORD": "y", "ERP_PASSWORD_2": "z"}) == "ERP_PASSWORD_3"


def test_bytes_that_are_no_text_are_refused_without_being_shown():
    with pytest.raises(ConfigurationError) as caught:
        with_variable("", "P", "hunter\udcff")
    assert "hunter" not in str(caught.value)
