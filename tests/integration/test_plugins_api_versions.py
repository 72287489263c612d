"""Core takes plugins of the current and the previous API; what will be refused next is warned of once, naming the plugin."""

import sys
from itertools import count

import pytest

from ducklake import api, hookspecs
from ducklake.errors import PluginError
from ducklake.plugins.manager import PluginManager
from plugin_factory import make_distribution, transform_module

_numbers = count()


@pytest.fixture
def install(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(kind, source):
        module = f"versioned_plugin_{next(_numbers)}"
        make_distribution(tmp_path, "acme", {f"{kind}.fake": module}, {module: source})
        sys.path_importer_cache.clear()

    return install


@pytest.fixture
def second_api(monkeypatch):
    """Core as it will be when the API has changed once."""
    monkeypatch.setattr(api, "API_VERSION", 2)
    monkeypatch.setattr(api, "SUPPORTED_API_VERSIONS", frozenset({1, 2}))


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "ducklake.plugins"]


def test_the_current_and_the_previous_api_are_supported():
    assert {api.API_VERSION} | ({api.API_VERSION - 1} if api.API_VERSION > 1 else set()) == api.SUPPORTED_API_VERSIONS


def test_a_plugin_of_the_current_api_works_without_a_word(install, caplog):
    install("transform", transform_module("fake"))
    assert PluginManager().transform("fake").name == "fake"
    assert warnings_of(caplog) == []


def test_a_plugin_of_the_previous_api_works_with_one_warning(install, second_api, caplog):
    install("transform", transform_module("fake"))
    manager = PluginManager()
    for _ in range(3):
        assert manager.transform("fake").name == "fake"
    manager.load_all("transform")
    about = [line for line in warnings_of(caplog) if "acme" in line]
    assert about == ["transform.fake of acme 1.0: it is written for plugin API 1, current is 2; the next API will refuse it"]


@pytest.mark.parametrize(("line", "mend"), [("api = 3", "pip install --upgrade ducklake-core"), ("api = 0", "pip install --upgrade acme")])
def test_other_apis_are_refused_with_the_line_that_mends_it(install, second_api, line, mend):
    install("transform", transform_module("fake", api=line))
    with pytest.raises(PluginError) as caught:
        PluginManager().transform("fake")
    assert "this ducklake-core takes 1 and 2" in caught.value.problem.message
    assert caught.value.problem.hint == mend


def test_a_hook_that_will_go_is_warned_of_once(install, monkeypatch, caplog):
    monkeypatch.setitem(hookspecs.after_step.ducklake_spec, "warn_on_impl", DeprecationWarning("use after_commit"))
    install("observer", "from ducklake.api import hookimpl\napi = 1\n\n@hookimpl\ndef after_step(event):\n    pass\n")
    manager = PluginManager()
    with pytest.warns(DeprecationWarning, match="use after_commit"):
        manager.all_plugins(check=True)
    manager.all_plugins(check=True)
    assert [line for line in warnings_of(caplog) if "acme" in line] == [
        "observer.fake of acme 1.0: its hook after_step is deprecated: use after_commit"
    ]
