"""YAML is read strictly, and every problem has a place."""

import pytest

from ducklake.config.loader import load_yaml, parse_yaml
from ducklake.errors import ConfigurationError


def problem_of(text):
    with pytest.raises(ConfigurationError) as raised:
        parse_yaml(text, "config/sources.yaml")
    return raised.value.problem


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "~"])
def test_an_empty_file_is_an_empty_mapping(text):
    assert parse_yaml(text, "f").value == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("0012", "0012"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("22:30", "22:30"),
        ("2024-01-01", "2024-01-01"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("00.5", "00.5"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("!!float 12", 12.0),
        (".inf", float("inf")),
        ("<<", "<<"),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_a_scalar_is_what_yaml_1_2_says_and_never_loses_a_digit(text, value):
    found = parse_yaml(f"k: {text}", "f").value["k"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_always_text():
    assert parse_yaml("1: a\nno: b\n2024-01-01: c\nnull: d", "f").value == {"1": "a", "no": "b", "2024-01-01": "c", "null": "d"}


def test_positions_are_those_of_keys_and_list_entries():
    node = parse_yaml("sources:\n  - name: a\n    connection: {host: h}\n  - b\n", "f")
    assert node.position("sources") == (1, 1)
    assert node.position("sources", 0) == (2, 5)
    assert node.position("sources", 0, "connection", "host") == (3, 18)
    assert node.at("sources", 0).position("connection", "nowhere", 3) == (3, 5)
    assert node.at("sources", 1).value == "b"
    assert node.at("sources", 7, "x").value is None


def test_aliases_and_merges_are_expanded():
    node = parse_yaml("a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\nd: {<<: [{r: 1}, *x]}\n", "f")
    assert node.value == {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 2}, "c": {"p": 1, "q": 3}, "d": {"r": 1, "p": 1, "q": 2}}


BROKEN = {
    "unclosed": ("a: [1, 2\nb: 3\n", 2, "broken YAML"),
    "duplicate key": ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, "the key 'c' stands twice, first in line 3"),
    "list at the top": ("- a\n", 1, "must hold keys"),
    "text at the top": ("hello\n", 1, "must hold keys"),
    "second document": ("a: 1\n---\nb: 2\n", 3, "a second document"),
    "object tag": ("a: !!python/object/apply:os.system [ls]\n", 1, "is not allowed"),
    "own tag": ("a: !secret x\n", 1, "the tag !secret is not allowed"),
    "complex key": ("? [1, 2]\n: 3\n", 1, "a key must be plain text"),
    "placeholder as key": ("a: {b}: c\n", 1, "broken YAML"),
    "unquoted pattern": ("path: *.csv\n", 1, "broken YAML"),
    "unknown alias": ("a: *nothing\n", 1, "no anchor &nothing"),
    "alias of itself": ("a: &a [*a]\n", 1, "no anchor &a ends before"),
    "merge of text": ("a: &a x\nb: {<<: *a}\n", 2, "<< takes an alias of a mapping"),
    "control character": ("a: 1\nb: \x01\n", 2, "is not allowed"),
    "too deep": ("a: " + "[" * 80 + "]" * 80, 1, "nested deeper"),
    "much too deep": ("a: " + "[" * 50_000, 1, ""),
}


@pytest.mark.parametrize(("text", "line", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_yaml_names_file_and_line(text, line, message):
    problem = problem_of(text)
    assert (problem.code, problem.file, problem.line) == ("yaml", "config/sources.yaml", line)
    assert message in problem.message
    assert "\n" not in problem.message


def test_a_tab_and_an_unquoted_pattern_get_a_hint():
    assert problem_of("a:\n\tb: 1\n").hint == "indent with spaces, not with tabs"
    assert problem_of("path: *.csv\n").hint == 'if this is text, put it in quotes: path: "..."'


def test_a_billion_laughs_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "after its aliases are expanded" in problem_of("\n".join(lines)).message


def test_merges_do_not_multiply_without_bound():
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 12)]
    with pytest.raises(ConfigurationError):
        parse_yaml("\n".join(lines), "f")


def test_a_file_that_is_not_utf_8_names_line_and_byte(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(ConfigurationError) as raised:
        load_yaml(path, "config/s.yaml")
    assert raised.value.problem.place == "config/s.yaml:2"
    assert "0xe9" in raised.value.problem.message


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load_yaml(path, "s.yaml").value == {"a": 1}


def test_a_folder_in_place_of_a_file_is_an_error_with_its_name(tmp_path):
    with pytest.raises(ConfigurationError, match=r"config/s.yaml: the file cannot be read: Is a directory"):
        load_yaml(tmp_path, "config/s.yaml")


def test_a_node_shows_no_values():
    assert "hunter2" not in repr(parse_yaml("password: hunter2", "f"))
