"""Everything that stands in sources.yaml stays, to the byte."""

import pytest
import yaml

from ducklake.errors import ConfigurationError
from ducklake_command_add_source.document import with_source

BLOCK = {
    "name": "erp",
    "type": "postgresql",
    "connection": {"host": "db.local", "port": 5432, "database": "0123", "password": "${ERP_PASSWORD}"},
    "tables": ["*", {"name": "no", "extract": {"mode": "full"}}],
    "extract": {"mode": "incremental", "key_column": "updated_at"},
}
KEPT = {
    "template": "# Where data comes from.\n#\n# sources:\n#   - name: shop\nsources: []\n",
    "nothing": "",
    "only comments": "# nothing here yet\n\n# really\n",
    "no value": "sources:\n",
    "no value, no line end": "sources:",
    "null and a comment": "sources: ~   # none yet\n# the end\n",
    "empty over lines": "sources: [\n]\n",
    "a list at the margin": "sources:\n- name: a   # first\n  type: csv\n  path: 'x.csv'\n",
    "a list far in": 'sources:\n      - name: a\n        type: csv\n        path: "x.csv"   \n\n      # last words\n',
    "entries apart": "sources:\n  - {name: a, type: csv, path: x.csv}\n\n  - {name: b,   type: csv, path: y.csv}\n",
    "CRLF": "# hola\r\nsources:\r\n  - name: a\r\n    type: csv\r\n    path: x.csv\r\n",
    "anchors": "sources:\n  - &a {name: a, type: csv, path: x.csv, extract: &e {mode: full}}\n  - <<: *a\n    name: b\n    extract: *e\n",
    "block scalar": "sources:\n  - name: a\n    type: sql\n    description: |+\n      two\n      lines\n\n",
    "folded scalar": "sources:\n  - name: a\n    type: csv\n    path: x.csv\n    description: >-\n      a\n      b",
    "country": "sources:\n  - {name: a, type: csv, path: NO, description: 0012}\n",
    "quoted key": '"sources": []\n',
    "quoted key and a list": "# ñ😀\n'sources':\n    - name: a\n      type: csv\n",
    "the dash alone": "sources:\n    -\n        name: a\n        type: csv\n    # last words\n",
    "the dash alone, at the margin": "sources:\n-\n  name: a\n",
    "a marker before the list": "---\nsources:\n- name: a\n",
    "a mark on the list": "sources: &all   # first\n\n   # of all\n   - name: a\n",
    "a tab before a comment": "sources:\t# first\n  - name: a\t\t# last words\n",
    "a tab before a comment, and no list": "sources: []\t# none yet\n",
    "an item in braces over lines": "sources:\n  - {name: a,\n     type: csv}   # first\n",
    "a text of several lines": "sources:\n  - name: a\n    description: |\n      two\n\n      # no comment\n    # last words\n",
    "a dash within a text": "# sources:\n#  - x\nsources:\n   # first\n   - name: |-\n       a\n",
}


def load(text):
    """Plain data, by the parser that the lake reads with."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def names(text):
    return [source["name"] for source in load(text)["sources"]]


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_a_source_is_added_and_all_else_kept(text):
    new = with_source(text, BLOCK, "config/sources.yaml")
    before = [source["name"] for source in ((load(text) or {}).get("sources") or ())]
    assert names(new) == [*before, "erp"]
    assert load(new)["sources"][-1] == BLOCK
    for line in text.splitlines():
        if "[" not in line and line.strip() not in {"", "]"} and "~" not in line:
            assert line in new.splitlines()
    if before:
        assert new.startswith(text.rstrip("\n"))
    for comment in ("# none yet", "# the end", "# last words", "# first", "# hola"):
        assert (comment in new) == (comment in text)
    assert ("\r\n" in text) == ("\r\n" in new)
    if "\r\n" in text:
        assert new.count("\n") == new.count("\r\n")


def test_one_after_the_other():
    text = KEPT["template"]
    for number in range(4):
        text = with_source(text, {**BLOCK, "name": f"erp{number}"}, "config/sources.yaml")
    assert names(text) == ["erp0", "erp1", "erp2", "erp3"]
    assert text.startswith("# Where data comes from.\n#\n# sources:\n#   - name: shop\nsources:\n  - name: erp0\n")


IN_BRACES = [
    "sources: [{name: a, type: csv, path: x.csv}] # one\n",
    "{sources: [{name: 'a', type: csv, path: x.csv}]}\n",
    "sources: [\n  {name: a, type: csv},   # one\n  {name: b},   # two\n]\n# the end",
    '"sources": [{name: a, connection: {database: "x]"}} ]',
    "{sources: []}\n",
    "sources: [   # none yet\n]\n",
]


@pytest.mark.parametrize("text", IN_BRACES)
def test_a_list_in_braces_gets_a_source_in_braces(text):
    new = with_source(text, BLOCK, "config/sources.yaml")
    assert load(new)["sources"] == [*load(text)["sources"], BLOCK]
    kept = next(at for at in range(len(new) + 1) if new[at:] == text[len(text) - len(new) + at :])
    assert new[:kept].startswith(text[: len(text) - len(new) + kept])


LOOKS = {
    "sources: {a: 1}\n": "it is no list",
    "- a\n": "holds no keys",
    "sources: text\n": "it is no list",
    "sources: [\n": "no YAML",
    "a: 1\n---\nb: 2\n": "no YAML",
    "a: &x [{name: b}]\nsources: *x\n": "it is an alias",
    "sources: []\nsources: []\n": "twice",
    "{}\n": "laid out",
}


@pytest.mark.parametrize("text", LOOKS)
def test_what_cannot_be_added_to_is_refused_in_one_line_that_helps(text):
    with pytest.raises(ConfigurationError, match=LOOKS[text]) as caught:
        with_source(text, BLOCK, "config/sources.yaml")
    assert "\n" not in caught.value.problem.message
    assert caught.value.problem.hint


@pytest.mark.parametrize("tail", ["...\n", "...\n# after all\n", "... # end"])
@pytest.mark.parametrize(
    "text",
    [
        "sources:\n  - name: a\n    description: |\n      x\n",
        "sources:\n- name: a   # one\n\n# two\n",
        "sources: []\n",
        "sources:\n",
        "# nothing\n---\n",
    ],
)
def test_the_end_of_a_document_stays_its_end(text, tail):
    new = with_source(text + tail, BLOCK, "config/sources.yaml")
    before = [source["name"] for source in ((load(text) or {}).get("sources") or ())]
    assert names(new) == [*before, "erp"]
    assert new.endswith("\n" + tail)
    assert new.startswith(text) or not before
    assert load(new)["sources"][:-1] == ((load(text) or {}).get("sources") or [])


@pytest.mark.parametrize("mark", ["|", "|+", ">", ">+", "|2", "|+2"])
def test_a_text_that_a_line_break_would_change_stays_the_last(mark):
    text = f"# mine\nsources:\n  # the first\n  - name: a\n    description: {mark}\n      two\n      lines"
    new = with_source(text, BLOCK, "config/sources.yaml")
    assert names(new) == ["erp", "a"]
    assert new.endswith(text[len("# mine\nsources:\n") :])
    assert new.startswith("# mine\nsources:\n  - name: erp\n")
    assert load(new)["sources"][1] == load(text)["sources"][0]


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n\n\n", "\n    \n"])
@pytest.mark.parametrize("mark", ["|", "|+", "|-", ">", ">+", ">-"])
def test_a_text_at_the_end_of_the_file_keeps_its_value(mark, end):
    text = f"sources:\n  - name: b\n\n  - name: a\n    description: {mark}\n      two\n      lines{end}"
    new = with_source(text, BLOCK, "config/sources.yaml")
    assert [source for source in load(new)["sources"] if source["name"] != "erp"] == load(text)["sources"]
    assert sorted(names(new)) == ["a", "b", "erp"]
    assert text.removeprefix("sources:\n") in new


@pytest.mark.parametrize(
    "word",
    [
        "true",
        "NO",
        "null",
        "~",
        "1.0",
        "007",
        "22:30",
        "2024-01-01",
        "- x",
        "a: b",
        "#c",
        "*a",
        "&b",
        "!t",
        "@x",
        "%y",
        "",
        " s ",
        "ñ",
        "a\nb",
        "x'y\"z",
        "\\",
        "<<",
        "=",
        "|",
        "yes",
        "0x1F",
        "1_000",
        ".inf",
        "1e5",
        "{a}",
        "[b]",
    ],
)
def test_text_stays_text(word):
    new = with_source("", {"name": "a", "description": word, "connection": {"user": word}}, "f")
    assert load(new)["sources"][0] == {"name": "a", "description": word, "connection": {"user": word}}
