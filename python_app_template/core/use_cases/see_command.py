"""Whose command it is, and who else may see it. YOURS: the kinds of commands."""

from collections.abc import Callable

from python_app_template.core.access.policy import Action, AllowedOwn, Granted
from python_app_template.core.access.rules import COMMANDS
from python_app_template.core.access.subject import Subject
from python_app_template.core.delivery.commands import CommandIds, Place


def seen(ids: CommandIds, grant: Callable[[Action], Granted], subject: Subject | None, command_id: str) -> Place | None:
    """Return a command's place, for its sender and for who may see all of its kind.

    None: there is no such command, or not for this subject. Raises what `grant` raises.
    """
    command = ids.read(command_id)
    action = None if command is None else COMMANDS.get(command.kind)
    if command is None or action is None:
        return None
    sender = None if subject is None else subject.id
    if isinstance(grant(action), AllowedOwn) and not ids.is_senders(command, sender):
        return None
    return command.place
