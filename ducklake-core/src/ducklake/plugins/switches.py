"""The switches of a lake without validating its configuration: for `plugins` and `--help`, which must stay fast."""

from __future__ import annotations

from pathlib import Path

from ducklake.plugins.info import PlainSwitches


def project_switches(project: Path) -> PlainSwitches:
    """`plugins:` of a lake's settings.yaml, as far as it can be read; `validate` reports what is wrong in it.

    Args:
        project: The lake's folder.
    """
    from ducklake.config.loader import load_yaml
    from ducklake.errors import ConfigurationError

    try:
        plugins = load_yaml(project / "config/settings.yaml", "config/settings.yaml").at("plugins")
    except ConfigurationError:
        return PlainSwitches()

    def words(key: str) -> tuple[str, ...]:
        value = plugins.at(key).value
        return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()

    return PlainSwitches(words("require"), words("disable"))
