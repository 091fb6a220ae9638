"""The projector through deaths: its own at every point, its Redis', another projector beside it."""

import signal
from collections.abc import Callable

import pytest

from python_app_template.embedded import EmbeddedRedis
from python_app_template.settings.failpoints import PLACES
from tests.command_line import CommandLine
from tests.e2e.views.conftest import Shop, Verify, client_of
from tests.processes import ServiceProcess, wait_until

pytestmark = pytest.mark.servers

Project = Callable[..., ServiceProcess]

POINTS = [name for name in PLACES if name.startswith("projector.")]


def until_counted(projector: ServiceProcess, name: str, **labels: str) -> None:
    """The values are in Redis a moment before they are counted."""
    wait_until(lambda: projector.metric(name, **labels) > 0, explain=projector.explain)


def has_swapped(projector: ServiceProcess) -> Callable[[], bool]:
    return lambda: bool(projector.lines("view.swapped"))


def test_what_is_published_comes_into_redis_and_follows_it(shop: Shop, project: Project, verify: Verify) -> None:
    projector = project().until_ready()
    verify()
    shop.trade()
    verify()
    until_counted(projector, "app_view_events_total", outcome="applied")
    assert projector.metric("app_view_reloads_total") == 0
    assert projector.metric("app_view_rebuilds_total") == 1
    assert projector.terminate() == 0


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_projector_that_is_killed_anywhere_leaves_a_copy_that_another_goes_on_with(
    point: str, shop: Shop, project: Project, verify: Verify, redis: EmbeddedRedis, prefix: str
) -> None:
    if point in {"projector.differed", "projector.before_claim", "projector.claimed"}:
        first = project("first")
        wait_until(has_swapped(first), explain=first.explain)
        first.kill()
        lose_a_sku(redis, prefix)
    nth = 5 if point in {"projector.before_move", "projector.moved"} else 0
    doomed = project("doomed", APP_FAILPOINTS__POINTS=f"{point}={nth}*off->crash")
    with shop.trading():
        wait_until(lambda: not doomed.running, explain=doomed.explain)
        assert doomed.wait() == -signal.SIGKILL
        heir = project("heir").until_ready()
        shop.trade()
    verify()
    assert heir.terminate() == 0


def lose_a_sku(redis: EmbeddedRedis, prefix: str) -> None:
    with client_of(redis) as client:
        client.delete(next(client.scan_iter(f"{prefix}:stock:*:sku:*")))


@pytest.mark.slow
def test_a_sku_that_was_lost_is_looked_up_at_its_next_event(
    shop: Shop, project: Project, verify: Verify, redis: EmbeddedRedis, prefix: str
) -> None:
    projector = project().until_ready()
    verify()
    shop.trade(400)
    verify()  # by events alone: until then those before the rebuild may be on their way, and would make the SKU anew
    lose_a_sku(redis, prefix)
    shop.trade(400)
    verify()
    until_counted(projector, "app_view_reloads_total")
    assert projector.metric("app_view_reloads_total") == 1
    assert projector.metric("app_view_rebuilds_total") == 1


@pytest.mark.slow
def test_a_redis_that_comes_back_empty_is_filled_again(
    shop: Shop, project: Project, verify: Verify, redis: EmbeddedRedis
) -> None:
    projector = project().until_ready()
    verify()
    with shop.trading():
        redis.restart(empty=True)
        wait_until(lambda: len(projector.lines("view.swapped")) == 2, explain=projector.explain)
    verify()
    wait_until(lambda: projector.metric("app_view_rebuilds_total", reason="nothing_there") == 2)


@pytest.mark.slow
def test_a_redis_that_is_set_back_is_followed_from_where_it_stands(
    shop: Shop, project: Project, verify: Verify, redis: EmbeddedRedis
) -> None:
    projector = project().until_ready()
    verify()
    with client_of(redis) as client:
        client.save()
    shop.trade()
    verify()
    with shop.trading():
        redis.restart()
        shop.trade()
    verify()
    assert projector.metric("app_view_rebuilds_total") == 1
    assert projector.metric("app_view_reloads_total") == 0


@pytest.mark.slow
def test_a_redis_that_is_frozen_or_dies_in_the_middle_loses_nothing(
    shop: Shop, project: Project, verify: Verify, redis: EmbeddedRedis
) -> None:
    projector = project().until_ready()
    verify()
    with shop.trading():
        for _ in range(5):
            redis.pause()
            wait_until(lambda: "redis" in projector.failing(), 40, projector.explain)
            redis.resume()
            wait_until(projector.is_ready, explain=projector.explain)
        for _ in range(5):
            with client_of(redis) as client:
                client.save()
            shop.trade(100)
            redis.restart()
    verify()
    assert projector.metric("app_view_rebuilds_total") == 1


@pytest.mark.slow
def test_a_redis_without_room_refuses_and_keeps_what_it_has(
    shop: Shop, project: Project, verify: Verify, redis: EmbeddedRedis
) -> None:
    projector = project().until_ready()
    verify()
    with client_of(redis) as client:
        client.config_set("maxmemory", 1)
        try:
            shop.trade()
            wait_until(lambda: projector.metric("app_retries_total", error="OutOfMemoryError") > 0)
            assert "redis" in projector.failing()
        finally:
            client.config_set("maxmemory", 0)
    verify()
    assert projector.metric("app_view_rebuilds_total") == 1


@pytest.mark.slow
def test_one_projector_has_the_copy_and_another_takes_over_also_from_one_that_is_frozen(
    shop: Shop, project: Project, verify: Verify
) -> None:
    first = project("first").until_ready()
    verify()
    second = project("second").until_ready()
    with shop.trading():
        first.signal(signal.SIGSTOP)
        wait_until(lambda: second.metric("app_view_events_total", outcome="applied") > 0, explain=second.explain)
        first.signal(signal.SIGCONT)
        shop.trade()
    verify()
    second.kill()
    applied = first.metric("app_view_events_total", outcome="applied")
    shop.trade()
    wait_until(lambda: first.metric("app_view_events_total", outcome="applied") > applied, explain=first.explain)
    verify()


@pytest.mark.slow
def test_the_copy_is_made_anew_under_load_with_and_without_a_projector(
    shop: Shop, project: Project, verify: Verify, cli: CommandLine
) -> None:
    with shop.trading():
        assert cli("views", "rebuild").code == 0
        projector = project().until_ready()
        for _ in range(3):
            made = cli("views", "rebuild")
            assert made.code == 0, made
            assert made.rows[-1]["generation"]
    verify()
    assert projector.metric("app_view_rebuilds_total") == 0


def test_a_difference_is_found_and_told_of(
    project: Project, verify: Verify, cli: CommandLine, redis: EmbeddedRedis, prefix: str
) -> None:
    project().until_ready()
    verify()
    with client_of(redis) as client:
        key = next(client.scan_iter(f"{prefix}:stock:*:sku:*"))
        ref = next(field for field in client.hkeys(key) if field[0] == "p")
        client.hincrby(key, ref, 1)
    found = cli("views", "verify", "--wait=0")
    assert found.code == 4
    assert [(row["kind"], row.get("sku")) for row in found.rows[:-1]] == [("different", key.rpartition(":")[2])]
    assert found.rows[-1]["differences"] == 1
    assert cli("views", "rebuild").code == 0
    verify()


def test_preflight_asks_for_a_redis_that_is_there_and_throws_nothing_away(
    cli: CommandLine, redis: EmbeddedRedis
) -> None:
    roles = ("--set=roles=projector", "--set=preflight.wait_seconds=0")
    with client_of(redis) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            found = cli(*roles, "preflight")
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    (memory,) = [row for row in found.rows if row["name"] == "redis memory"]
    assert (found.code, memory["ok"], memory["remedy"]) == (3, False, "CONFIG SET maxmemory-policy noeviction")
    away = cli(*roles, "--set=redis.url=redis://:hush@127.0.0.1:1/0", "preflight")
    (row,) = [row for row in away.rows if row["name"] == "redis"]
    assert (away.code, row["ok"]) == (3, False)
    assert "APP_REDIS__URL" in row["remedy"]
    assert "hush" not in away.out + away.err
