"""`ducklake config`."""

from __future__ import annotations

from ducklake.cli.app import group
from ducklake.cli.installed import plugin_manager
from ducklake.cli.invocation import Invocation

KINDS = ("connector", "transform", "check")


def schema(cli: Invocation) -> None:
    """Print the JSON Schema of the three files, with the options of the plugins that are installed.

    Args:
        cli: The call.
    """
    from ducklake.cli.render import write_json
    from ducklake.config.schema import project_schema

    manager = plugin_manager(cli)
    with cli.working():
        options = {kind: {found.name: found.cls.Options for found in manager.load_all(kind)} for kind in KINDS}
    for info in manager.all_plugins():
        if info.status == "broken":
            cli.warn(f"{info.id} of {info.title} is broken, its options are left out: {info.error}")
    cli.answered = True
    write_json(project_schema(options))


command = group("config", "Print the JSON Schema of the configuration.", {"schema": schema})
