"""What flags are made of: types for times and durations, and flags that stand for settings.

Name, type and help of a setting's flag come from `agents/settings.py`, so that they cannot differ.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from agents.settings import MEANINGS, Settings, load_settings
from schemas.codec import parse_duration, parse_instant

Command = TypeVar("Command", bound=Callable[..., Any])

_FLAGS = {"policies_path": "--policies"}
_METAVARS = {
    "broker": "HOST:PORT",
    "policies_path": "FILE",
    "rows_folder": "FOLDER",
    "state_dir": "FOLDER",
    "snapshots": "PLACE",
    "archive": "PLACE",
}


class Instant(click.ParamType):
    """An RFC 3339 time with an offset, as milliseconds UTC."""

    name = "instant"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_instant(value)
        except ValueError:
            self.fail(f"{value!r} is no time with an offset, such as 2026-02-03T10:15:00-08:00", param, ctx)


class Day(click.ParamType):
    """A day, which begins at midnight in UTC, or an RFC 3339 time with an offset; as milliseconds UTC."""

    name = "day"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_instant(f"{value}T00:00:00Z" if len(value) == len("2026-02-03") else value)
        except ValueError:
            self.fail(f"{value!r} is no day, such as 2026-02-03, nor a time with an offset", param, ctx)


class Duration(click.ParamType):
    """A duration such as `60s`, as milliseconds."""

    name = "duration"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_duration(value)
        except ValueError:
            self.fail(f"{value!r} is no duration, such as 60s or 5m", param, ctx)


def with_settings(*names: str) -> Callable[[Command], Command]:
    """Flags for these settings; the command is called with the whole `settings`: flags over variables over file."""

    def decorate(command: Command) -> Command:
        def called(*args: Any, **arguments: Any) -> Any:
            flags = {name: arguments.pop(name) for name in names}
            path = click.get_current_context().find_root().params.get("settings_path")
            return command(*args, settings=chosen_settings(flags, path), **arguments)

        called.__name__, called.__doc__ = command.__name__, command.__doc__
        # click keeps the options of a function here until it becomes a command; those of the inner one come along.
        called.__click_params__ = list(getattr(command, "__click_params__", []))  # type: ignore[attr-defined] # click's own place
        for name in reversed(names):
            called = _option(name)(called)
        return called  # type: ignore[return-value] # the same command, less the flags, plus `settings`

    return decorate


def chosen_settings(flags: dict[str, object], path: str | None) -> Settings:
    """Settings as chosen; where nobody named a broker and the embedded Kafka runs, that is the broker."""
    from agents.kafka.embedded import running_broker

    return load_settings(flags, path=path, broker_if_unnamed=running_broker)


def _option(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    field = next(field for field in msgspec.structs.fields(Settings) if field.name == name)
    kind = type(field.default)
    metavar = _METAVARS.get(name, "N" if kind in (int, float) else "TEXT")
    flag = _FLAGS.get(name, "--" + name.replace("_", "-"))
    return click.option(
        flag, name, type=kind, metavar=metavar, help=MEANINGS[name][:1].upper() + MEANINGS[name][1:] + "."
    )
