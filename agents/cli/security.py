"""The commands for whoever gives rights, and whoever misses some: `dueclock acls`, `dueclock doctor`."""

import click

from agents.cli.options import with_settings
from agents.kafka.rights import ROLES, Role
from agents.kafka.rights_text import FORMATS, Format
from agents.settings import Settings
from agents.terminal import print_document


@click.command(short_help="The rights that a role needs, as commands.")
@with_settings("broker", "group", "topic_prefix", "state_dir", "snapshots")
@click.option("--role", type=click.Choice(ROLES), required=True, help="Who is to have the rights.")
@click.option("--principal", required=True, metavar="User:NAME", help="As the broker calls who logs in.")
@click.option("--topic", metavar="NAME", help="For a producer or subscriber of one topic: its logical name.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="kafka-acls", show_default=True, help="For whom.")
def acls(settings: Settings, role: Role, principal: str, topic: str | None, form: Format) -> None:
    """Print what gives a role exactly the rights that its whole job needs; nothing is changed."""
    from agents.kafka.rights import rights_of
    from agents.kafka.rights_text import rights_text

    click.echo(rights_text(rights_of(role, settings, topic), principal, settings, form))


@click.command(short_help="Try the way to Kafka step by step, and say what is missing.")
@with_settings("broker", "group", "client_id", "topic_prefix", "state_dir", "snapshots")
@click.option("--role", type=click.Choice(ROLES), default="worker", show_default=True, help="Whose rights to look for.")
@click.option("--topic", metavar="NAME", help="For a producer or subscriber of one topic: its logical name.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def doctor(settings: Settings, role: Role, topic: str | None, as_json: bool) -> int:
    """Try name, port, TLS, login, versions, clock, topics and rights; exit status 1 if something is missing."""
    from agents.desk.doctor import examine
    from schemas.answers.operations import Examination

    findings = examine(settings, role, topic)
    if as_json:
        print_document(Examination(findings))
    else:
        for one in findings:
            click.echo(f"{'ok     ' if one.is_well else 'MISSING'}  {one.step}: {one.sentence}")
        if commands := dict.fromkeys(command for one in findings for command in one.commands):
            click.echo("\nTo run:\n" + "\n".join(f"  {command}" for command in commands))
    return 0 if all(one.is_well for one in findings) else 1
