"""Commands that plugins bring."""

from __future__ import annotations

import re

import pytest

from ducklake.testing.project import run_command
from plugin_factory import make_distribution

PLUGIN = """
    from ducklake import hookimpl
    api = 1

    @hookimpl
    def register_commands(register):
        register("hello", "hello_command:hello", "Say hello.")
        register("plan", "hello_command:hello", "Try to take a name of core's.")
        register("gone", "no_such_module:hello", "Point nowhere.")
        register("leave", "hello_command:leave", "Leave with a code.")
"""
COMMAND = '''
    import sys
    import typer

    def hello(ctx: typer.Context, name: str, loud: bool = False) -> None:
        """Say hello to somebody.

        Args:
            name: Of whom.
        """
        text = f"hello {name} from {ctx.obj.project} {ctx.obj.json}"
        print(text.upper() if loud else text)

    def leave() -> None:
        raise typer.Exit(7)
'''


@pytest.fixture
def env(tmp_path):
    make_distribution(
        tmp_path, "ducklake-command-hello", {"command.hello": "hello_plugin"}, {"hello_plugin": PLUGIN, "hello_command": COMMAND}
    )
    return {"PYTHONPATH": str(tmp_path)}


def test_they_stand_in_the_help_behind_those_of_core(env):
    text = run_command("--help", env=env).stdout
    assert re.search(r"From plugins:\n(?:  .*\n)*  hello +Say hello\.", text)
    assert "Try to take a name" not in text


def test_they_take_their_own_and_the_global_options(env):
    outcome = run_command("hello", "ana", "--loud", "-C", "here", "--json", env=env)
    assert (outcome.exit_code, outcome.stdout) == (0, "HELLO ANA FROM HERE TRUE\n")
    assert "Say hello to somebody." in run_command("hello", "--help", env=env).stdout


def test_their_exit_codes_are_the_commands(env):
    assert run_command("leave", env=env).exit_code == 7


def test_their_usage_errors_look_like_those_of_core(env):
    outcome = run_command("hello", "--json", env=env)
    assert outcome.exit_code == 2
    assert outcome.errors[0]["hint"] == "ducklake hello --help"


def test_one_that_cannot_be_loaded_is_exit_2_and_harms_no_other(env):
    outcome = run_command("gone", "--json", env=env)
    assert outcome.exit_code == 2
    assert "no_such_module" in outcome.errors[0]["message"]
    assert run_command("plugins", env=env).exit_code == 0


def test_a_misspelt_one_is_suggested(env):
    assert "did you mean 'hello'?" in run_command("helo", env=env).stderr


def test_a_broken_plugin_leaves_the_commands_of_core(tmp_path):
    make_distribution(
        tmp_path, "ducklake-command-broken", {"command.broken": "broken_plugin"}, {"broken_plugin": "import nothing_of_that_name\n"}
    )
    env = {"PYTHONPATH": str(tmp_path)}
    assert run_command("--help", env=env).exit_code == 0
    checked = run_command("plugins", "--check", "--json", env=env)
    assert checked.exit_code == 2
    assert any("nothing_of_that_name" in error["message"] for error in checked.errors)
