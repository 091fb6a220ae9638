"""The API reads stock from Redis, and nobody who asks it notices when that is away."""

from collections.abc import Callable
from typing import Any

import pytest

from python_app_template.embedded import EmbeddedRedis
from tests.e2e.conftest import Launch
from tests.e2e.views.conftest import Shop, Verify
from tests.processes import ServiceProcess, wait_until

pytestmark = pytest.mark.servers


@pytest.fixture
def api(launch: Launch, redis: EmbeddedRedis, prefix: str) -> ServiceProcess:
    return launch(
        "api",
        APP_ROLES="api",
        APP_AUTH__MODE="none",
        APP_VIEWS__BACKEND="redis",
        APP_REDIS__URL=redis.url,
        APP_REDIS__PREFIX=prefix,
    ).until_ready()


def listed(api: ServiceProcess) -> Any:
    answer = api.get("/v1/stock")
    assert answer.status_code == 200, answer.text
    return answer.json()


def answered(api: ServiceProcess, backend: str, why: str = "") -> bool:
    """Whether that side answers now, and for that reason."""
    before = api.metric("app_view_reads_total", backend=backend, why=why)
    listed(api)
    return api.metric("app_view_reads_total", backend=backend, why=why) > before


def test_stock_comes_from_redis_while_that_can_answer_and_else_from_postgres(
    shop: Shop, api: ServiceProcess, project: Callable[..., ServiceProcess], redis: EmbeddedRedis, verify: Verify
) -> None:
    assert answered(api, "postgres", "unready")
    project().until_ready()
    verify()
    wait_until(lambda: answered(api, "redis"), explain=api.explain)
    from_redis = listed(api)
    assert from_redis["items"]
    redis.kill()
    try:
        assert answered(api, "postgres", "away")
        wait_until(lambda: answered(api, "postgres", "resting"), explain=api.explain)
        assert listed(api) == from_redis
        assert api.is_ready()
    finally:
        redis.restart()
    wait_until(lambda: answered(api, "redis"), explain=api.explain)
    assert listed(api) == from_redis
    assert shop.service.running
