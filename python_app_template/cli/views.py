"""`views`: the copy of stock in Redis, held against the tables, or made anew. Yours."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Annotated, Any, NamedTuple

import msgspec
import typer
from rich.markup import escape

from python_app_template.cli.faults import CommandFailed, servers_needed
from python_app_template.cli.output import BAD, GOOD, Json, Screen, for_programs, write_json
from python_app_template.cli.registering import command, exemplified, settings_of
from python_app_template.core.delivery.faults import TransientError
from python_app_template.core.domain.events import Event
from python_app_template.core.ports.following import Followed
from python_app_template.core.ports.stock_copy import NotCurrent, StockCopy, StockSnapshot
from python_app_template.core.ports.views import StockViews
from python_app_template.core.use_cases.follow_stock import Step
from python_app_template.core.use_cases.rebuild_stock import RebuildStock
from python_app_template.core.use_cases.verify_stock import Difference, Verified, VerifyStock
from python_app_template.exit_codes import ExitCode
from python_app_template.settings import Settings

VERIFY = ("python-app-template views verify", "python-app-template views verify --wait 60 --json | jq .kind")
REBUILD = ("python-app-template views rebuild",)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(rich_markup_mode="rich", no_args_is_help=True)
    command(group, verify, "verify", "Hold stock in Redis against the tables", VERIFY)
    command(group, rebuild, "rebuild", "Make stock in Redis anew", REBUILD)
    told = "Stock in Redis: hold it against the tables, make it anew."
    app.add_typer(group, name="views", help=told, epilog=exemplified([VERIFY[0], REBUILD[0]]))


def verify(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(min=0, help="Show so many differences at the most.")] = 20,
    wait: Annotated[float, typer.Option(min=0, help="Seconds for SKUs that move to come to equal versions.")] = 10,
    json: Json = False,
) -> None:
    """Hold stock in Redis against the tables, SKU by SKU at equal versions, while both go on.

    Those that move are looked at again. Changes nothing. Exit 4 when something differs.
    """
    settings, began = settings_of(context), time.monotonic()
    with _redis_needed(), servers_needed(settings):
        found = asyncio.run(_verify(settings, wait))
    _show(found, limit, time.monotonic() - began, as_json=for_programs(json))
    if found.differences:
        raise CommandFailed(f"{len(found.differences)} differences", ExitCode.WANTING)


def rebuild(context: typer.Context, *, json: Json = False) -> None:
    """Make a new copy of the stock in Redis, and have it read from once it has caught up with the log.

    The old one is read from until then. A projector that runs goes on with the new one.
    """
    settings, began = settings_of(context), time.monotonic()
    with _redis_needed(), servers_needed(settings):
        generation, events = asyncio.run(_rebuild(settings))
    seconds = time.monotonic() - began
    if for_programs(json):
        write_json({"generation": generation, "events": events, "seconds": round(seconds, 3)})
    else:
        Screen().print(GOOD, f"made anew in {seconds:.1f} s; {events:,} events came meanwhile")


class _Place(NamedTuple):
    """Both sides, for one command."""

    views: StockViews
    copy: StockCopy
    tables: StockViews
    snapshot: StockSnapshot
    log: Followed[Event]


@asynccontextmanager
async def _at(settings: Settings) -> AsyncIterator[_Place]:
    # Slow to import: no other command waits for it.
    from python_app_template.adapters.kafka_admin import KafkaAdmin  # noqa: PLC0415
    from python_app_template.adapters.secondary.kafka.following import KafkaFollowed, followed  # noqa: PLC0415
    from python_app_template.adapters.secondary.postgres.engine import create_engine  # noqa: PLC0415
    from python_app_template.adapters.secondary.postgres.stock.views import PostgresStockViews  # noqa: PLC0415
    from python_app_template.adapters.secondary.postgres.stock.whole import PostgresStockSnapshot  # noqa: PLC0415
    from python_app_template.adapters.secondary.redis.connection import connected  # noqa: PLC0415
    from python_app_template.adapters.secondary.redis.stock.copy import RedisStockCopy  # noqa: PLC0415
    from python_app_template.adapters.secondary.redis.stock.views import RedisStockViews  # noqa: PLC0415
    from python_app_template.adapters.wire.published import decode  # noqa: PLC0415
    from python_app_template.cli.reading import ANSWER_SECONDS  # noqa: PLC0415

    engine = create_engine(settings.database, settings.service_name)
    admin, topic, limit = KafkaAdmin(settings, ANSWER_SECONDS), settings.kafka.output_topic, settings.redis.batch_events
    following: AbstractAsyncContextManager[KafkaFollowed[Event]] = followed(settings, topic, decode, limit, admin)
    try:
        async with connected(settings.redis) as client, following as log:
            views = RedisStockViews(client, settings.redis, fresh=False)
            copy = RedisStockCopy(client, settings.redis)
            yield _Place(views, copy, PostgresStockViews(engine), PostgresStockSnapshot(engine), log)
    finally:
        await engine.dispose()


async def _verify(settings: Settings, wait: float) -> Verified:
    from python_app_template.adapters.secondary.clock import SystemClock  # noqa: PLC0415 - likewise

    async with _at(settings) as place:
        return await VerifyStock(place.views, place.tables, SystemClock(), wait)()


async def _rebuild(settings: Settings) -> tuple[str | None, int]:
    from python_app_template.adapters.secondary.clock import SystemClock  # noqa: PLC0415 - likewise

    events = 0

    def saw(step: Step) -> None:
        nonlocal events
        events += step.applied

    async with _at(settings) as (_, copy, tables, snapshot, log):
        standing = await RebuildStock(log, copy, snapshot, tables, SystemClock(), saw)()
    return standing.generation, events


@contextmanager
def _redis_needed() -> Iterator[None]:
    """Raise CommandFailed for what Redis finds wrong; it stands outside of what looks after the other servers."""
    try:
        yield
    except CommandFailed as failed:
        match failed.__cause__:
            case NotCurrent() as fault:
                raise CommandFailed(f"{fault}; start a projector, or run `views rebuild`") from fault
            case TransientError() as fault if str(fault).startswith("Redis"):
                raise CommandFailed(f"{fault}; start it, or name another: APP_REDIS__URL") from fault
        raise


def _show(found: Verified, limit: int, seconds: float, *, as_json: bool) -> None:
    shown = found.differences[:limit]
    if as_json:
        write_json(*map(_row, shown))
        counts = {"equal": found.equal, "differences": len(found.differences), "moving": found.moving}
        write_json({"kind": "summary", **counts, "seconds": round(seconds, 3)})
        return
    screen = Screen()
    for difference in shown:
        screen.print(BAD, escape(_line(difference)), soft_wrap=True)
    if len(shown) < len(found.differences):
        screen.print(f"  and {len(found.differences) - len(shown):,} more (--limit)")
    if found.moving:
        screen.print(f"not judged: {found.moving:,} SKUs that moved all the time")
    if not found.differences:
        screen.print(GOOD, f"{found.equal:,} SKUs are equal in Redis and PostgreSQL ({seconds:.1f} s)")


def _row(difference: Difference) -> dict[str, Any]:
    sides = {"postgres": difference.tables, "redis": difference.copy}
    return {
        "kind": difference.kind,
        "sku": difference.sku,
        **{name: msgspec.to_builtins(v) for name, v in sides.items()},
    }


def _line(difference: Difference) -> str:
    tables, copy = difference.tables, difference.copy
    return f"{difference.kind}: {difference.sku!r}: PostgreSQL has {tables}, Redis has {copy}"
