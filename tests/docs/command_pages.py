"""The page of all commands, from what the command line itself knows of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

from agents.cli.commands import dueclock
from agents.kafka.rights import COMMANDS


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command by what is typed for it, in the order of their names."""
    yield from _below("dueclock", dueclock)


def _below(typed: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield typed, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _below(f"{typed} {name}", command.commands[name])


def statuses_of_commands() -> list[tuple[str, str]]:
    """What a command's help says of its exit status: the whole sentence."""
    said = [(f"`{typed}`", _status(command)) for typed, command in commands()]
    return [(typed, sentence) for typed, sentence in said if sentence]


def _status(command: click.Command) -> str:
    sentences = re.split(r"(?<=\.)\s+", " ".join(_paragraphs(command)))
    return " ".join(sentence for sentence in sentences if "xit status" in sentence)


def _paragraphs(command: click.Command) -> list[str]:
    text = cleandoc(command.help or command.short_help or "")
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()]


def command_parts() -> Iterator[str]:
    """A heading, what the command does, and a table of its flags, for each command."""
    for typed, command in commands():
        context = click.Context(command, info_name=typed.rpartition(" ")[2])
        pieces = [
            piece for piece in command.collect_usage_pieces(context) if not piece.startswith(("COMMAND", "[ARGS]"))
        ]
        yield f"## {typed}"
        yield f"`{' '.join([typed, *pieces])}`"
        yield from _paragraphs(command)
        if roles := COMMANDS.get(typed.removeprefix("dueclock ")):
            named = " and ".join(f"`{role}`" for role in roles)
            yield f"Needs the rights of {named} at a [secured Kafka](../how-to/connect-to-a-secured-kafka.md#rights)."
        rows = [row for option in command.get_params(context) if (row := _row(option, context)) is not None]
        if rows:
            lines = ["| flag | meaning |", "| --- | --- |", *(f"| {flag} | {meaning} |" for flag, meaning in rows)]
            yield "\n".join(lines)


def _row(option: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    record = option.get_help_record(context) if isinstance(option, click.Option) else None
    if record is None or "--help" in option.opts:
        return None
    flag, meaning = record
    return f"`{flag}`", re.sub(r"\s+", " ", meaning).replace("|", "\\|")
