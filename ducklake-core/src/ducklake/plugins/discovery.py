"""Which plugins are installed, from the metadata of packages: nothing is imported."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib import metadata

from ducklake.errors import PluginError, did_you_mean
from ducklake.plugins.info import KINDS, PluginInfo, switched_off

GROUP = "ducklake"


def installed_plugins(disable: Sequence[str] = ()) -> list[PluginInfo]:
    """Every entry point of group `ducklake`, by kind and name.

    Args:
        disable: Of settings.yaml; together with the variable DUCKLAKE_PLUGINS it decides on `disabled`.
    """
    found = [_info(point) for point in metadata.entry_points(group=GROUP)]
    return sorted(
        (with_switches(info, disable) for info in dict.fromkeys(found)),
        key=lambda info: (info.kind, info.name, info.distribution),
    )


def with_switches(info: PluginInfo, disable: Sequence[str]) -> PluginInfo:
    """The plugin, `disabled` if a switch says so.

    Args:
        info: The plugin.
        disable: Of settings.yaml.
    """
    reason = switched_off(info, disable)
    return dataclasses.replace(info, status="disabled", error=reason, hint=None) if reason else info


def _info(point: metadata.EntryPoint) -> PluginInfo:
    kind, dot, name = point.name.partition(".")
    distribution = point.dist.name if point.dist else "?"
    version = point.dist.version if point.dist else ""
    info = PluginInfo(kind, name, point.value, distribution, version)
    if not dot or not name:
        info = dataclasses.replace(info, kind="?", name=point.name)
        return broken(info, f"its entry point {point.name!r} names no kind", f'write it as KIND.NAME, for example "connector.{point.name}"')
    if kind not in KINDS:
        return broken(info, f"this version of ducklake-core has no plugins of kind {kind!r}", did_you_mean(kind, KINDS, "kinds"))
    return info


def broken(info: PluginInfo, error: str, hint: str | None) -> PluginInfo:
    """The plugin with the reason why it cannot be used.

    Args:
        info: The plugin.
        error: One line.
        hint: The line that mends it.
    """
    return dataclasses.replace(info, status="broken", error=error, hint=hint, provides=())


def refuse_namesake() -> None:
    """Stop if the unrelated PyPI package `ducklake`, which brings an import of our name, is installed.

    Raises:
        PluginError: It is.
    """
    try:
        version = metadata.version("ducklake")
    except metadata.PackageNotFoundError:
        return
    raise PluginError(
        f"the package ducklake {version} from PyPI is another project and overwrites files of ducklake-core",
        code="namesake",
        hint="pip uninstall -y ducklake && pip install --force-reinstall ducklake-core",
    )
