"""`ducklake init`."""

from __future__ import annotations

import os
import stat

import pytest

from ducklake.testing.project import run_command

FILES = (
    "config/sources.yaml",
    "config/pipelines.yaml",
    "config/settings.yaml",
    "config/sources.yaml.example",
    "config/pipelines.yaml.example",
    "config/settings.yaml.example",
    ".env.example",
    ".gitignore",
    "lake_plugins.py.example",
)


def test_init_makes_a_project_that_runs_as_it_stands(tmp_path):
    outcome = run_command("init", "lago", "--path", str(tmp_path))
    assert outcome.exit_code == 0, str(outcome)
    lake = tmp_path / "lago"
    for name in FILES:
        assert (lake / name).is_file(), name
    for layer in ("raw", "staging", "consume"):
        assert (lake / "data" / layer).is_dir()
    assert stat.S_IMODE((lake / "data" / ".ducklake").stat().st_mode) == 0o700
    for command in (["validate"], ["extract", "--all"], ["run", "--all"], ["catalog"], ["query", "SELECT 1 AS one"]):
        outcome = run_command("-C", str(lake), *command)
        assert outcome.exit_code == 0, str(outcome)


def test_init_never_overwrites_a_file(tmp_path):
    (tmp_path / "lago" / "config").mkdir(parents=True)
    (tmp_path / "lago" / "config" / "sources.yaml").write_text("mine: true\n")
    outcome = run_command("init", "lago", "--path", str(tmp_path), "--json")
    assert outcome.exit_code == 0, str(outcome)
    status = {row["path"]: row["status"] for row in outcome.results}
    assert status["config/sources.yaml"] == "kept"
    assert status["config/pipelines.yaml"] == "created"
    assert (tmp_path / "lago" / "config" / "sources.yaml").read_text() == "mine: true\n"


def test_a_second_init_changes_nothing(tmp_path):
    run_command("init", "lago", cwd=tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    outcome = run_command("init", "lago", cwd=tmp_path)
    assert "0 new files" in outcome.stdout
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}


def test_init_dot_fills_the_folder_itself(tmp_path):
    assert run_command("init", ".", cwd=tmp_path).exit_code == 0
    assert (tmp_path / "config" / "sources.yaml").is_file()


def test_init_over_a_file_fails_with_its_name(tmp_path):
    (tmp_path / "lago").write_text("a file")
    outcome = run_command("init", "lago", cwd=tmp_path)
    assert outcome.exit_code == 1
    assert "lago" in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere, so nothing is read-only for it")
def test_init_in_a_read_only_folder_fails_with_its_name(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    outcome = run_command("init", "lago", "--path", "closed", cwd=tmp_path)
    assert outcome.exit_code == 1
    assert "closed" in outcome.stderr
