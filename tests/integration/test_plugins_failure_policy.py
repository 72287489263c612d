"""One broken plugin never breaks another or the command line, and its error says what to type next."""

import os
import sys
from itertools import count

import pytest

from ducklake.errors import PluginError
from ducklake.plugins.info import PlainSwitches
from ducklake.plugins.manager import PluginManager
from plugin_factory import make_distribution, transform_module

_numbers = count()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a fake distribution with one plugin module; returns nothing."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def install(name, entry_point, source, version="1.0"):
        module = f"fake_plugin_{next(_numbers)}"
        make_distribution(folder, name, {entry_point: module}, {module: source}, version)
        sys.path_importer_cache.clear()

    return install


def plugin(manager, name):
    return next(info for info in manager.all_plugins(check=True) if info.distribution == name)


def error_of(call, *arguments):
    with pytest.raises(PluginError) as raised:
        call(*arguments)
    return raised.value.problem


def test_a_plugin_is_found_and_loaded_by_name(install):
    install("ducklake-transform-good", "transform.good", transform_module("good"))
    manager = PluginManager()
    assert "good" in manager.names("transform")
    assert next(info for info in manager.all_plugins() if info.name == "good").status == "installed"
    found = manager.transform("good")
    assert (found.name, found.plugin.title, found.plugin.status) == ("good", "ducklake-transform-good 1.0", "ok")
    assert found.plugin.provides == ("transform.good",)


def test_only_the_plugin_of_that_name_is_imported(install):
    install("ducklake-transform-good", "transform.good", transform_module("good"))
    install("ducklake-transform-other", "transform.other", "raise RuntimeError('imported')")
    manager = PluginManager()
    manager.transform("good")
    assert next(info for info in manager.all_plugins() if info.name == "other").status == "installed"


def test_a_name_that_differs_from_its_entry_point_is_found(install):
    install("acme-steps", "transform.acme", transform_module("polish"))
    assert PluginManager().transform("polish").plugin.distribution == "acme-steps"


@pytest.mark.parametrize("raising", ["import no_such_driver", "raise SystemExit(0)", "import sys; sys.exit()", "1 / 0", "def broken(:"])
def test_import_fails_others_work_and_using_it_names_the_package(install, raising):
    install("ducklake-transform-bad", "transform.bad", raising)
    install("ducklake-transform-good", "transform.good", transform_module("good"))
    manager = PluginManager()
    assert manager.transform("good").name == "good"
    problem = error_of(manager.transform, "bad")
    assert "ducklake-transform-bad 1.0 is broken" in problem.message
    assert problem.hint == "pip install --force-reinstall ducklake-transform-bad"
    assert plugin(manager, "ducklake-transform-bad").status == "broken"
    assert "\n" not in problem.message


def test_a_broken_package_of_checks_is_named_when_one_of_its_checks_is_used(install):
    install("acme-checks", "checks.acme", "import no_such_driver")
    problem = error_of(PluginManager().check, "acme_even")
    assert "acme-checks 1.0 is broken" in problem.message


MISTAKES = {
    "unknown hook": ("@hookimpl\ndef after_comit(event): ...", "there is no hook 'after_comit'", "did you mean 'after_commit'?"),
    "unknown argument": ("@hookimpl\ndef after_commit(evnt): ...", "'evnt'", "did you mean 'event'?"),
    "catch-all argument": ("@hookimpl\ndef after_commit(**rest): ...", "**rest", "it may take: event"),
    "forgotten marker": ("def after_commit(event): ...", "not marked", "write @hookimpl above it (from ducklake import hookimpl)"),
    "wrapper": ("@hookimpl(wrapper=True)\ndef after_commit(event): yield", "wrapper", "write a plain function with @hookimpl"),
    "hook of another kind": ("@hookimpl\ndef register_connectors(register): ...", "never be called", "connector.fake"),
    "raises while registering": (
        "@hookimpl(specname='register_transforms')\ndef more(register): raise ValueError('no')",
        "ValueError: no",
        "pip install --force-reinstall acme",
    ),
    "no class": ("@hookimpl(specname='register_transforms')\ndef more(register): register(3)", "which is no class", "register a subclass"),
    "wrong class": (
        "@hookimpl(specname='register_transforms')\ndef more(register): register(dict)",
        "dict, which is no Transform",
        "derive",
    ),
    "abstract class": (
        (
            "class A(Transform):\n    name = 'a'\n    Options = NoOptions\n"
            "@hookimpl(specname='register_transforms')\ndef more(register): register(A)"
        ),
        "A lacks to_sql",
        "write to_sql",
    ),
    "no name": (
        "class A(Step):\n    name = ''\n@hookimpl(specname='register_transforms')\ndef more(register): register(A)",
        "name '' of A is not plain",
        'name = "..."',
    ),
    "no options": (
        "class A(Step):\n    name = 'a'\n    Options = dict\n@hookimpl(specname='register_transforms')\ndef more(register): register(A)",
        "A has no Options model",
        "ducklake.api.NoOptions",
    ),
    "twice": ("@hookimpl(specname='register_transforms')\ndef more(register): register(Step)", "registers the transform 'fake' twice", ""),
}


@pytest.mark.parametrize(("body", "message", "hint"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_leaves_nothing_of_the_plugin_registered(install, body, message, hint):
    install("acme", "transform.fake", transform_module("fake", body=body))
    manager = PluginManager()
    problem = error_of(manager.transform, "fake")
    assert message in problem.message
    assert hint in (problem.hint or "")
    assert plugin(manager, "acme").provides == ()
    assert "fake" not in [found.name for found in manager.load_all("transform")]


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("", "does not say which plugin API", "api = 1"),
        ("api = 99", "plugin API 99, this ducklake-core takes 1", "pip install --upgrade ducklake-core"),
        ("api = 0", "plugin API 0", "pip install --upgrade acme"),
        ("api = 'one'", "plugin API 'one'", "pip install --upgrade acme"),
    ],
)
def test_a_plugin_for_other_contracts_is_refused_with_the_line_that_mends_it(install, line, message, hint):
    install("acme", "transform.fake", transform_module("fake", api=line))
    problem = error_of(PluginManager().transform, "fake")
    assert message in problem.message
    assert hint in problem.hint


def test_a_kind_without_its_hook_is_broken(install):
    install("acme", "connector.fake", "api = 1")
    assert "offers no register_connectors" in error_of(PluginManager().connector, "fake").message


def test_two_plugins_that_claim_a_name_are_both_listed_and_named(install):
    install("acme", "transform.fake", transform_module("fake"))
    install("bcme", "transform.fake", transform_module("fake"), version="2.0")
    manager = PluginManager()
    assert {info.distribution for info in manager.all_plugins() if info.name == "fake"} == {"acme", "bcme"}
    problem = error_of(manager.transform, "fake")
    assert "acme 1.0 and bcme 2.0" in problem.message
    assert "pip uninstall" in problem.hint
    assert PluginManager(PlainSwitches(disable=["bcme"])).transform("fake").plugin.distribution == "acme"


@pytest.mark.parametrize(("point", "message"), [("fake", "names no kind"), ("conector.fake", "no plugins of kind 'conector'")])
def test_a_malformed_entry_point_is_listed_as_broken(install, point, message):
    install("acme", point, transform_module("fake"))
    found = plugin(PluginManager(), "acme")
    assert found.status == "broken"
    assert message in found.error


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("connector", "api", "pip install ducklake-connector-api"),
        ("connector", "sftp", "pip install ducklake-connector-sftp"),
        ("connector", "sqlit", "did you mean 'sqlite'?"),
        ("connector", "sftpp", "did you mean 'sftp'? (pip install ducklake-connector-sftp)"),
        ("transform", "renam", "did you mean 'rename'?"),
        ("check", "uniqe", "did you mean 'unique'?"),
        ("writer", "delta_lake", "installed: parquet"),
        ("engine", "spark", "installed: duckdb"),
    ],
)
def test_an_unknown_name_says_what_to_type(kind, name, hint):
    problem = error_of(getattr(PluginManager(), kind), name)
    assert "is not installed" in problem.message
    assert problem.hint.startswith(hint)


def test_an_observer_that_raises_is_a_warning_and_the_others_are_told(install, caplog):
    install("acme-a", "observer.a", "from ducklake.api import hookimpl\napi = 1\n@hookimpl\ndef after_commit(event): event.append('a')")
    for raising in ("raise ValueError('oh')", "raise SystemExit(0)"):
        name = f"acme-{len(raising)}"
        install(
            name, f"observer.b{len(raising)}", f"from ducklake.api import hookimpl\napi = 1\n@hookimpl\ndef after_commit(event): {raising}"
        )
    install("acme-z", "observer.z", "from ducklake.api import hookimpl\napi = 1\n@hookimpl\ndef after_commit(): print('told')")
    told = []
    PluginManager().notify("after_commit", event=told)
    assert told == ["a"]
    messages = [record.getMessage() for record in caplog.records]
    assert any("observer.b22 (acme-22 1.0) raised in after_commit: ValueError: oh" in message for message in messages)
    assert any("SystemExit" in message for message in messages)


def test_an_observer_that_cannot_be_loaded_is_one_warning(install, caplog):
    install("acme", "observer.a", "import no_such_driver")
    manager = PluginManager()
    manager.notify("before_run", event=None)
    manager.notify("after_run", event=None)
    assert [record.getMessage() for record in caplog.records if "acme" in record.getMessage()] == [
        "the plugin observer.a (acme 1.0) is broken and is not called: ModuleNotFoundError: No module named 'no_such_driver'"
    ]


def test_what_a_hook_prints_goes_to_stderr(install, capsys, monkeypatch):
    monkeypatch.setenv("DUCKLAKE_TRACE_HOOKS", "1")
    source = "from ducklake.api import hookimpl\nprint('import')\napi = 1\n@hookimpl\ndef after_commit(event): print('hook')"
    install("acme", "observer.a", source)
    PluginManager().notify("after_commit", event=None)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["import", "hook after_commit -> observer.a (acme 1.0)", "hook"]


def test_a_secret_comes_from_the_first_plugin_that_knows_it(install):
    for name, answer in (("a", "None"), ("b", "'hidden' if reference == 'db' else None")):
        source = f"from ducklake.api import hookimpl\napi = 1\n@hookimpl\ndef resolve_secret(reference): return {answer}"
        install(f"acme-{name}", f"secrets.{name}", source)
    manager = PluginManager()
    assert manager.resolve_secret("db") == "hidden"
    assert manager.resolve_secret("other") is None


def test_a_secrets_plugin_that_fails_is_named(install):
    source = "from ducklake.api import hookimpl\napi = 1\n@hookimpl\ndef resolve_secret(reference): raise OSError('vault is sealed')"
    install("acme", "secrets.vault", source)
    assert (
        "secrets.vault (acme 1.0) could not look up 'db': OSError: vault is sealed"
        in error_of(PluginManager().resolve_secret, "db").message
    )


def test_commands_are_listed_without_importing_them(install):
    source = """
    from ducklake.api import hookimpl
    api = 1
    @hookimpl
    def register_commands(register):
        register("hello", "no_such_module:hello", "Say hello.")
    """
    install("acme", "command.hello", source)
    assert ("hello", "no_such_module:hello", "Say hello.") in PluginManager().commands()


def test_switched_off_plugins_are_not_loaded_and_say_so(install, monkeypatch):
    install("acme", "transform.fake", "raise RuntimeError('imported')")
    manager = PluginManager(PlainSwitches(disable=["transform.fake"]))
    assert "switched off by plugins.disable" in error_of(manager.transform, "fake").message
    monkeypatch.setenv("DUCKLAKE_PLUGINS", "")
    assert {info.distribution for info in PluginManager().all_plugins() if info.status != "disabled"} == {"ducklake-core"}
    assert "DUCKLAKE_PLUGINS" in error_of(PluginManager().transform, "fake").message
    monkeypatch.setenv("DUCKLAKE_PLUGINS", "transform.cast, ducklake-connector-csv")
    assert {info.id for info in PluginManager().all_plugins() if info.status != "disabled"} >= {"transform.cast", "connector.csv"}


def test_required_plugins_stop_with_the_install_line(install):
    manager = PluginManager(PlainSwitches(require=["connector.nowhere", "acme", "transform.cast"]))
    with pytest.raises(PluginError) as raised:
        manager.engine("duckdb")
    assert [problem.hint for problem in raised.value.problems] == ["pip install ducklake-connector-nowhere", "pip install acme"]
    install("acme", "transform.fake", transform_module("fake"))
    assert PluginManager(PlainSwitches(require=["acme"])).engine("duckdb").name == "duckdb"


def test_the_namesake_on_pypi_is_refused_with_the_uninstall_line(install):
    install("ducklake", "x.y", "")
    assert "pip uninstall -y ducklake" in error_of(PluginManager).hint


def test_local_plugins_are_listed_without_being_imported(tmp_path):
    (tmp_path / "lake_plugins.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    for check in (False, True):
        local = next(info for info in PluginManager(project=tmp_path).all_plugins(check) if info.kind == "local")
        assert local.status == "installed"


def test_local_plugins_work_without_an_api_line(tmp_path):
    (tmp_path / "lake_plugins.py").write_text(transform_module("polish", api=""), encoding="utf-8")
    found = PluginManager(project=tmp_path).transform("polish")
    assert found.plugin.distribution == "lake_plugins.py"


def test_a_broken_local_plugin_names_its_line_and_breaks_no_other(tmp_path):
    (tmp_path / "lake_plugins.py").write_text("import os\n\n1 / 0\n", encoding="utf-8")
    manager = PluginManager(project=tmp_path)
    assert manager.engine("duckdb").name == "duckdb"
    problem = error_of(manager.transform, "polish")
    assert "ZeroDivisionError: division by zero in line 3" in problem.message


@pytest.mark.parametrize("which", ["file", "folder"])
def test_local_plugins_that_anybody_could_have_written_are_not_loaded(tmp_path, which):
    (tmp_path / "lake_plugins.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    target = tmp_path if which == "folder" else tmp_path / "lake_plugins.py"
    target.chmod(0o777)
    problem = error_of(PluginManager(project=tmp_path).transform, "polish")
    assert "may be written by everybody" in problem.message
    assert "imported" not in problem.message


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file to another user")
def test_local_plugins_of_another_user_are_not_loaded(tmp_path):
    file = tmp_path / "lake_plugins.py"
    file.write_text("raise RuntimeError('imported')", encoding="utf-8")
    os.chown(file, 12345, -1)
    assert "belongs to another user (uid 12345)" in error_of(PluginManager(project=tmp_path).transform, "polish").message


def test_built_ins_go_through_the_same_hooks():
    manager = PluginManager()
    assert manager.engine("duckdb").plugin.module == "ducklake.builtin.duckdb_engine"
    assert manager.writer("parquet").plugin.distribution == "ducklake-core"
    assert all(info.status == "ok" for info in manager.all_plugins(check=True) if info.distribution == "ducklake-core")
