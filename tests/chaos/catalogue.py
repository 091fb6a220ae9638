"""The kinds of faults: what each is done to, how long it lasts, and how often it comes beside the others."""

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind. `weight` is its share among the faults of its lane."""

    name: str
    weight: float = 1.0
    shortest: float = 0.0
    longest: float = 0.0


class Lane(NamedTuple):
    """What faults are done to, one after the other; those of different lanes overlap.

    `pause`: seconds between two, on average.
    """

    name: str
    pause: float
    kinds: tuple[Kind, ...]
    targets: int = 1


SQLSTATES = ("40001", "53100", "55P03", "57014")
"""What a server may raise in any transaction: serialization, disk full, a lock not to be had, a statement cancelled."""

PROCESSES = 3

SESSION_SECONDS = 2.0
"""Without a sign of life until a member of the group is missed."""

POLL_SECONDS = 4.0
"""Without a poll until it is."""

TRANSACTION_SECONDS = 2.0
"""Until the broker ends a producer's transaction by itself."""

LONG_DELAYS = {"relay.frames_produced": 3.0, "relay.cursor_produced": 3.0}
"""Seconds, beyond that: a delay at these failpoints is the transaction's expiry."""

PROCESS = Lane(
    "process",
    7.0,
    (
        Kind("process.sigkill"),
        Kind("process.sigterm"),
        Kind("process.stopped_briefly", 1, 0.2, SESSION_SECONDS * 0.75),
        Kind("process.stopped_beyond_session", 1, SESSION_SECONDS + 1, SESSION_SECONDS + 4),
        Kind("process.poll_interval_exceeded", 1, POLL_SECONDS + 0.5, POLL_SECONDS + 2),
    ),
    PROCESSES,
)
CLOCK = Lane("clock", 6.0, (Kind("clock.forward"), Kind("clock.back"), Kind("clock.right")), PROCESSES)
MINUTE = 60.0
POSTGRES = Lane("postgres", 8.0, (Kind("postgres.restarted"), Kind("postgres.away", 1, 1.0, 3.0)))
BROKER = Lane(
    "broker",
    6.0,
    (Kind("broker.restarted"), Kind("broker.away", 1, 1.0, 3.0), Kind("broker.frozen", 1, 0.5, 3.0)),
)
LONG_LANES = (
    Lane("postgres", 12.0, (Kind("postgres.minute_away", 1, MINUTE, MINUTE),)),
    Lane("broker", 12.0, (Kind("broker.minute_away", 1, MINUTE, MINUTE),)),
)
"""Each in a round of its own, now and then: they last longer than all others."""
LOG = Lane("log", 4.0, (Kind("log.retention"),))
SESSIONS = Lane(
    "sessions",
    0.6,
    (
        Kind("session.terminated", 10),
        Kind("session.relay_lock_lost", 2),
        Kind("session.relay_lock_taken", 1, 0.2, 1.5),
        Kind("session.notifier_lock_lost", 1),
        Kind("session.table_locked", 2, 0.05, 0.6),
        Kind("session.rows_locked", 2, 0.05, 0.6),
        *(Kind(f"sqlstate.{code}", 1.5, 0.3, 1.0) for code in SQLSTATES),
    ),
)
POSTGRES_LINK = Lane(
    "postgres_link",
    1.5,
    (
        Kind("postgres_link.cut", 3),
        Kind("postgres_link.answer_lost", 3, 0.2, 0.5),
        Kind("postgres_link.slow", 1, 0.2, 0.8),
        Kind("postgres_link.requests_held", 1, 0.2, 1.0),
        Kind("postgres_link.answers_held", 1, 0.2, 1.0),
        Kind("postgres_link.refused", 1, 0.2, 1.0),
    ),
)
KAFKA_LINK = Lane(
    "kafka_link",
    2.0,
    (
        Kind("kafka_link.cut", 3),
        Kind("kafka_link.slow", 1, 0.2, 0.8),
        Kind("kafka_link.requests_held", 1, 0.2, 1.5),
        Kind("kafka_link.answers_held", 1, 0.2, 1.5),
        Kind("kafka_link.refused", 1, 0.2, 1.0),
    ),
)
REDIS = Lane(
    "redis",
    5.0,
    (
        Kind("redis.restarted_empty"),
        Kind("redis.set_back", 1, 0.3, 1.5),
        Kind("redis.away", 1, 0.5, 2.0),
        Kind("redis.frozen", 1, 0.5, 3.0),
    ),
)
REDIS_LINK = Lane(
    "redis_link",
    2.5,
    (
        Kind("redis_link.cut", 3),
        Kind("redis_link.answer_lost", 3, 0.2, 0.5),
        Kind("redis_link.slow", 1, 0.2, 0.8),
        Kind("redis_link.requests_held", 1, 0.2, 1.5),
        Kind("redis_link.answers_held", 1, 0.2, 1.5),
        Kind("redis_link.refused", 1, 0.2, 1.0),
    ),
)
MAIL = Lane(
    "mail",
    2.5,
    (
        Kind("mail.away", 1, 0.3, 2.0),
        Kind("mail.silent", 1, 0.5, 3.0),
        Kind("mail.busy", 1, 0.3, 1.5),
        Kind("mail.refusing", 1, 0.3, 1.0),
        Kind("mail.answer_lost", 2, 0.5, 1.5),
    ),
)
FOREIGN = Lane(
    "foreign",
    4.0,
    (
        Kind("foreign.transaction_aborted", 2, 0.0, 0.5),
        Kind("foreign.transaction_committed", 1, 0.0, 0.5),
        Kind("foreign.relay_fenced", 2),
    ),
)
QUICK_LANES = (CLOCK, SESSIONS, POSTGRES_LINK, KAFKA_LINK, FOREIGN, LOG, REDIS, REDIS_LINK, MAIL)
SLOW_LANES = (PROCESS, POSTGRES, BROKER)
