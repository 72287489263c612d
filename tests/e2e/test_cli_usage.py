"""Wrong command lines, global options on both sides of the command, and what unexpected failures look like."""

from __future__ import annotations

import pytest

from ducklake.testing.project import run_command


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["extrct"], "no command 'extrct'"),
        (["extract", "--bogus"], "no such option: --bogus"),
        (["extract"], "name one or more sources, or --all"),
        (["extract", "shop", "--all"], "name sources or --all, not both"),
        (["run"], "name one or more pipelines, or --all"),
        (["query"], "missing argument 'SQL'"),
        (["query", "SELECT 1", "--format", "xml"], "invalid value for '--format'"),
        (["extract", "shop", "--wait", "-1"], "invalid value for '--wait'"),
        (["init", "a/b"], "no plain folder name"),
        (["init", ".."], "no plain folder name"),
    ],
)
def test_a_wrong_command_line_is_exit_2_with_a_hint_and_one_document(arguments: list[str], says: str):
    outcome = run_command("--json", *arguments)
    assert outcome.exit_code == 2, str(outcome)
    (error,) = outcome.errors
    assert error["code"] == "usage"
    assert says in error["message"]
    assert outcome.json["status"] == "error"
    assert outcome.results == []
    assert f"error: {error['message']}" in outcome.stderr
    if error["hint"]:
        assert f"hint: {error['hint']}" in outcome.stderr


def test_an_unknown_command_suggests_the_nearest():
    assert "did you mean 'extract'?" in run_command("extrct").stderr


def test_json_behind_a_bad_option_still_gives_a_document():
    outcome = run_command("extract", "--bogus", "--json")
    assert outcome.errors[0]["code"] == "usage"
    assert outcome.json["command"] == "extract"


def test_without_json_a_usage_error_leaves_stdout_empty():
    outcome = run_command("extract", "--bogus")
    assert (outcome.exit_code, outcome.stdout) == (2, "")


@pytest.mark.parametrize(
    "line", [["-C", "DIR", "--json", "validate"], ["validate", "-C", "DIR", "--json"], ["--json", "validate", "--project", "DIR"]]
)
def test_global_options_stand_before_and_behind_the_command(line: list[str], lake_project, tmp_path):
    folder = str(lake_project().path)
    outcome = run_command(*[folder if word == "DIR" else word for word in line], cwd=tmp_path)
    assert outcome.exit_code == 0, str(outcome)
    assert outcome.json["command"] == "validate"


def test_global_options_stand_between_the_words_of_a_command(lake_project, tmp_path):
    folder = str(lake_project().path)
    outcome = run_command("catalog", "-C", folder, "extractions", "--json", cwd=tmp_path)
    assert outcome.exit_code == 0, str(outcome)
    assert outcome.json["command"] == "catalog extractions"
    assert outcome.results == []


def test_the_project_is_found_upwards(lake_project):
    project = lake_project({"data/raw/.keep": ""})
    assert project.run("validate", cwd=project.path / "data" / "raw").exit_code == 0


def test_no_project_is_exit_2_and_says_how_to_make_one(tmp_path):
    outcome = run_command("validate", "--json", cwd=tmp_path)
    assert outcome.exit_code == 2
    assert outcome.errors[0]["hint"] == "make one with: ducklake init NAME"


def test_a_project_that_is_not_there_is_named(tmp_path):
    outcome = run_command("-C", "nowhere", "catalog", cwd=tmp_path)
    assert outcome.exit_code == 2
    assert "nowhere" in outcome.stderr
