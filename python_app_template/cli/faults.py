"""How a command ends other than well: one line that says what is wrong and what to do, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

from python_app_template.core.delivery.faults import FatalError, MessageError, TransientError
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

SILENCE = frozenset({"TIMED_OUT", "TIMED_OUT_QUEUE", "TRANSPORT", "ALL_BROKERS_DOWN", "RESOLVE", "MSG_TIMED_OUT"})
"""What librdkafka calls it when nobody answers."""


class CommandFailed(Exception):
    """The command can't do its work. `line` is for people: the fault, then the remedy."""

    def __init__(self, line: str, code: ExitCode = ExitCode.PREFLIGHT) -> None:
        super().__init__(line)
        self.line, self.code = line, code


class ReaderGone(Exception):
    """Whoever read standard output has seen enough (`| head`)."""


def away(settings: Settings) -> CommandFailed:
    """Return what to say of a broker that does not answer."""
    servers = settings.kafka.bootstrap_servers
    return CommandFailed(f"Kafka at {servers} does not answer; start it, or name another: APP_KAFKA__BOOTSTRAP_SERVERS")


@contextmanager
def broker_needed(settings: Settings) -> Iterator[None]:
    """Raise CommandFailed for what the broker, or librdkafka on its way there, finds wrong."""
    try:
        yield
    except TransientError as fault:
        raise away(settings) if fault.code in SILENCE else CommandFailed(str(fault)) from fault
    except FatalError as fault:
        raise CommandFailed(f"{fault}; see the settings APP_KAFKA__*", ExitCode.SETTINGS) from fault


@contextmanager
def servers_needed(settings: Settings) -> Iterator[None]:
    """Raise CommandFailed for what the broker or the database finds wrong."""
    try:
        yield
    except (TransientError, FatalError, MessageError) as fault:
        if str(fault).startswith("Kafka"):
            with broker_needed(settings):
                raise
        if str(fault).startswith("failpoint"):
            raise CommandFailed(f"{fault}: APP_FAILPOINTS__POINTS asks for it") from fault
        raise CommandFailed(f"PostgreSQL: {fault}; {_mend(fault)}") from fault


def _mend(fault: Exception) -> str:
    if "42P01" in str(fault) or "42703" in str(fault):  # a table or a column is missing
        return "run `alembic upgrade head`"
    return "see APP_DATABASE__URL, and what its role may do"
