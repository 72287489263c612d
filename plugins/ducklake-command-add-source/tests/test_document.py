"""Everything that stands in sources.yaml stays, to the byte where its list is a block."""

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
}


def names(text):
    return [source["name"] for source in yaml.safe_load(text)["sources"]]


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_a_source_is_added_and_all_else_kept(text):
    new = with_source(text, BLOCK, "config/sources.yaml")
    before = [source["name"] for source in ((yaml.safe_load(text) or {}).get("sources") or ())]
    assert names(new) == [*before, "erp"]
    assert yaml.safe_load(new)["sources"][-1] == BLOCK
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


@pytest.mark.parametrize(
    "text", ["sources: [{name: a, type: csv, path: x.csv}] # one\n", "{sources: [{name: 'a', type: csv, path: x.csv}]}\n"]
)
def test_a_list_in_braces_is_laid_out_anew(text):
    new = with_source(text, BLOCK, "config/sources.yaml")
    assert yaml.safe_load(new)["sources"] == [*yaml.safe_load(text)["sources"], BLOCK]
    assert ("# one" in new) == ("# one" in text)


@pytest.mark.parametrize("text", ["sources: {a: 1}\n", "- a\n", "sources: text\n", "sources: [\n", "a: 1\n---\nb: 2\n"])
def test_what_cannot_be_added_to_is_refused(text):
    with pytest.raises(ConfigurationError, match="--dry-run"):
        with_source(text, BLOCK, "config/sources.yaml")


def test_the_end_of_a_document_stays_its_end():
    new = with_source("sources:\n  - name: a\n    description: |\n      x\n...\n", BLOCK, "config/sources.yaml")
    assert names(new) == ["a", "erp"]


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
    assert yaml.safe_load(new)["sources"][0] == {"name": "a", "description": word, "connection": {"user": word}}
