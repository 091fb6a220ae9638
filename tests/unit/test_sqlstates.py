"""What a database error means, code by code."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import exc

from python_app_template.adapters.secondary.postgres.sqlstates import (
    ERRORS,
    MEANINGS,
    classify,
    is_lost_connection,
    meaning,
    spoils_connection,
)
from python_app_template.core.delivery.faults import (
    CommitInDoubt,
    FatalError,
    MessageError,
    SlowError,
    TransientError,
)

TRANSIENT = (
    *("08000", "08001", "08003", "08004", "08006", "08007", "08P01", "25006", "40000", "40001", "40002", "40003"),
    *("40P01", "53100", "53300", "55P03", "57P01", "57P02", "57P03", "57P04", "57P05"),
)
SLOW = ("25P03", "25P04", "57014")
ABOUT_A_MESSAGE = (
    *("22000", "22003", "22021", "22P02", "22P03", "23502", "23503", "23505", "23514", "53200", "53400", "54000"),
)
FATAL = (
    *("0A000", "25001", "25P02", "28000", "28P01", "3D000", "42501", "42601", "42703", "42P01", "53000", "58000"),
    *("58030", "F0000", "P0001", "P0002", "XX000", "XX001", "XX002", "99999"),
)


def error(code: str) -> asyncpg.PostgresError:
    """What the driver raises for a code, known to it or not."""
    found: asyncpg.PostgresError = asyncpg.PostgresError.new({"C": code, "M": "no luck", "S": "ERROR"})
    found.sqlstate = code
    return found


@pytest.mark.parametrize(
    ("codes", "kind"),
    [(TRANSIENT, TransientError), (SLOW, SlowError), (ABOUT_A_MESSAGE, MessageError), (FATAL, FatalError)],
)
def test_each_code_means_what_the_table_says(codes: tuple[str, ...], kind: type[Exception]) -> None:
    assert {code: type(classify(error(code))) for code in codes} == dict.fromkeys(codes, kind)


def test_all_of_the_table_is_in_this_test() -> None:
    tried = {*TRANSIENT, *SLOW, *ABOUT_A_MESSAGE}
    assert {code for code in MEANINGS if not any(t.startswith(code) for t in tried)} == set()


def test_faults_carry_the_code_and_one_readable_line() -> None:
    fault = classify(error("40P01"))
    assert isinstance(fault, TransientError)
    assert (fault.code, str(fault)) == ("40P01", "no luck (SQLSTATE 40P01)")


def test_a_code_outweighs_its_class() -> None:
    assert meaning("53200") is not meaning("53300")


@pytest.mark.parametrize(
    "lost",
    [
        OSError(),
        ConnectionResetError("reset by peer"),
        TimeoutError(),
        asyncio.IncompleteReadError(b"", 1),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.InternalClientError("not connected"),
        exc.TimeoutError("QueuePool limit"),
    ],
)
def test_a_lost_connection_is_suspicious_only_in_the_middle_of_the_work(lost: BaseException) -> None:
    assert isinstance(lost, ERRORS)
    assert is_lost_connection(lost)
    assert type(classify(lost)) is TransientError
    assert type(classify(lost, at_work=True)) is SlowError


def test_a_broken_protocol_is_the_drivers_and_not_a_messages() -> None:
    assert type(classify(error("08P01"), at_work=True)) is TransientError


def test_an_administrators_shutdown_is_never_suspicious() -> None:
    assert type(classify(error("57P01"), at_work=True)) is TransientError


def test_a_stale_plan_passes_and_is_no_lost_connection() -> None:
    stale = asyncpg.exceptions.InvalidCachedStatementError("cached statement plan is invalid due to a change")
    assert type(classify(stale, at_work=True)) is TransientError
    assert not is_lost_connection(stale)


@pytest.mark.parametrize(
    "fault",
    [error("08006"), error("57P01"), error("25006"), TimeoutError(), CommitInDoubt("?"), SystemExit()],
)
def test_such_a_connection_is_not_used_again(fault: BaseException) -> None:
    assert spoils_connection(fault)
    assert spoils_connection(asyncio.CancelledError())


@pytest.mark.parametrize(
    "fault", [None, error("23514"), error("57014"), error("55P03"), error("42P01"), LookupError(), MessageError("no")]
)
def test_such_a_connection_is_as_good_as_before(fault: BaseException | None) -> None:
    assert not spoils_connection(fault)
