"""The errors of looking a plugin up: missing, broken, switched off, claimed twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ducklake.errors import PluginError, nearest
from ducklake.plugins.firstparty import known, package_of
from ducklake.plugins.info import PluginInfo
from ducklake.plugins.registry import Registered

WORDS = {"connector": "connector", "transform": "transform", "check": "quality check", "writer": "storage format", "engine": "engine"}


def ambiguous(kind: str, name: str, claims: Sequence[Registered[Any]]) -> PluginError:
    """A name that several plugins registered.

    Args:
        kind: Of the registry.
        name: The word behind `type:`.
        claims: Who registered it.
    """
    owners = " and ".join(claim.plugin.title for claim in claims)
    last = claims[-1].plugin
    way = f"rename it in {last.module}" if last.kind == "local" else f"pip uninstall {last.distribution}"
    return PluginError(
        f"the {WORDS[kind]} '{name}' is claimed by {owners}",
        code="ambiguous_plugin",
        hint=f"keep one: {way}, or add {last.distribution if last.kind != 'local' else last.id} to plugins.disable in config/settings.yaml",
    )


def unusable(kind: str, name: str, plugin: PluginInfo) -> PluginError:
    """A plugin that would have the name, but is broken or switched off.

    Args:
        kind: Of the registry.
        name: The word behind `type:`.
        plugin: Who would have it.
    """
    if plugin.status == "disabled":
        return PluginError(
            f"the {WORDS[kind]} '{name}' of {plugin.title} is {plugin.error}",
            code="disabled_plugin",
            hint="take it out there, or use another",
        )
    message = f"the {WORDS[kind]} '{name}' cannot be used, {plugin.title} is broken: {plugin.error}"
    return PluginError(message, code="broken_plugin", hint=plugin.hint)


def not_registered(kind: str, name: str, plugin: PluginInfo) -> PluginError:
    """A plugin whose entry point has the name, but which registered others.

    Args:
        kind: Of the registry.
        name: The word behind `type:`.
        plugin: Who has the entry point.
    """
    offers = ", ".join(plugin.provides) or "nothing"
    message = f"the {WORDS[kind]} '{name}' cannot be used: {plugin.title} names it, but registers {offers}"
    return PluginError(message, code="broken_plugin", hint=f"pip install --upgrade {plugin.distribution}")


def unknown(kind: str, name: str, names: Iterable[str], broken: Sequence[PluginInfo]) -> PluginError:
    """A name that no plugin has.

    Args:
        kind: Of the registry.
        name: The word behind `type:`.
        names: What is registered.
        broken: Plugins of the kind that could have it, but cannot be loaded.
    """
    names = list(names)
    package = package_of(kind, name)
    if package is not None:
        hint = f"pip install {package}"
    elif close := nearest(name, [*names, *known(kind)]):
        other = package_of(kind, close)
        hint = f"did you mean '{close}'?" + (f" (pip install {other})" if other and close not in names else "")
    elif broken and broken[0].hint:
        hint = broken[0].hint
    elif names:
        hint = f"installed: {', '.join(names)}"
    else:
        hint = f"pip install the package that brings it; ours are called ducklake-{kind}-NAME"
    message = f"the {WORDS[kind]} '{name}' is not installed"
    if broken and package is None:
        message += f" (and {broken[0].title} is broken: {broken[0].error})"
    return PluginError(message, code="unknown_plugin", hint=hint)


def state(word: str, found: Sequence[PluginInfo]) -> tuple[str, str | None]:
    """How it stands with a word of `plugins.require` that no usable plugin answers to, and what mends it.

    Args:
        word: KIND.NAME or the name of a package.
        found: The plugins that it means.
    """
    for info in found:
        return f"{info.status}: {info.error}", info.hint
    kind, dot, name = word.partition(".")
    return "not installed", f"pip install {f'ducklake-{kind}-{name}' if dot else word}"
