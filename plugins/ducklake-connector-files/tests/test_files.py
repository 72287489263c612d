"""What every connector of files relies on."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from ducklake.errors import DataError
from ducklake_connector_files.finding import find, is_pattern, shown, without_doubles
from ducklake_connector_files.identity import FileIdentity
from ducklake_connector_files.options import FilesOptions, table_name


@pytest.fixture
def files(tmp_path):
    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)
        return tmp_path

    return make


def names(found: list[Path], root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in found]


def test_a_pattern_finds_files_sorted_without_hidden_ones_and_folders(files):
    root = files("b.csv", "a.csv", ".c.csv", "d.txt", "sub/e.csv", ".git/f.csv")
    (root / "folder.csv").mkdir()
    assert names(find(root / "*.csv"), root) == ["a.csv", "b.csv"]
    assert names(find(root / "**" / "*.csv"), root) == ["a.csv", "b.csv", "sub/e.csv"]
    assert names(find(root / "[ab].csv"), root) == ["a.csv", "b.csv"]
    assert find(root / "none*.csv") == []


def test_a_file_whose_name_looks_like_a_pattern_is_found_by_its_name(files):
    root = files("a[1].csv", "a1.csv")
    assert names(find(root / "a[1].csv"), root) == ["a[1].csv"]


def test_a_path_without_pattern_is_returned_even_if_it_is_missing(tmp_path):
    assert find(tmp_path / "gone.csv") == [tmp_path / "gone.csv"]
    assert is_pattern("a*.csv")
    assert not is_pattern("a.csv")


def test_second_names_of_a_file_are_split_off(files):
    root = files("a.csv", "b.csv")
    os.link(root / "a.csv", root / "hard.csv")
    (root / "soft.csv").symlink_to(root / "b.csv")
    single, doubles = without_doubles(find(root / "*.csv"))
    assert (names(single, root), names(doubles, root)) == (["a.csv", "b.csv"], ["hard.csv", "soft.csv"])


def test_an_identity_notices_what_happened_to_its_file(files):
    path = files("a.csv") / "a.csv"
    identity = FileIdentity.of(path, "a.csv", "s.t")
    assert identity.sha256() == hashlib.sha256(b"a.csv").hexdigest()
    identity.check_unchanged("a.csv", "s.t")
    path.write_text("more than before")
    with pytest.raises(DataError, match=r"s\.t: a\.csv changed while it was read"):
        identity.check_unchanged("a.csv", "s.t")
    path.unlink()
    with pytest.raises(DataError, match="changed"):
        identity.check_unchanged("a.csv", "s.t")


def test_a_file_put_in_place_of_another_is_noticed(files):
    root = files("a.csv", "b.csv")
    identity = FileIdentity.of(root / "a.csv", "a.csv", "s.t")
    os.utime(root / "b.csv", ns=(identity.modified, identity.modified))
    (root / "b.csv").replace(root / "a.csv")
    with pytest.raises(DataError, match="changed"):
        identity.check_unchanged("a.csv", "s.t")


@pytest.mark.parametrize(
    ("template", "name"),
    [("{stem}", "ventas.2024"), ("{name}", "ventas.2024.csv"), ("{folder}_x", "drops_x"), ("all", "all"), ("{{x}}", "{x}")],
)
def test_names_of_tables(template, name):
    assert table_name(Path("drops/ventas.2024.csv"), template) == name


def test_the_stem_of_a_packed_file_is_without_both_endings():
    assert table_name(Path("ventas.csv.gz"), "{stem}") == "ventas"


@pytest.mark.parametrize("template", ["{stme}", "{stem", "{stem!r}", "{stem:>5}", "{stem.parent}", "{0}", "{}"])
def test_a_template_that_cannot_be_meant_is_refused(template):
    with pytest.raises(ValidationError):
        FilesOptions(path="a.csv", table=template)


def test_messages_show_a_path_relative_to_the_project():
    assert shown(Path("/p/drops/a\nb.csv"), Path("/p")) == "drops/a\\nb.csv"
    assert shown(Path("/else/a.csv"), Path("/p")) == "/else/a.csv"
    assert shown(Path("/p/caf\udce9.csv"), Path("/p")) == "caf\\udce9.csv"
