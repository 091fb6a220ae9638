"""The admin client is replaced when nobody has answered it for long."""

from concurrent.futures import Future

import pytest

from python_app_template.adapters.kafka_admin import KafkaAdmin
from python_app_template.core.delivery.faults import TransientError
from python_app_template.settings import load

NOBODY = "127.0.0.1:1"


async def unanswered(admin: KafkaAdmin) -> None:
    with pytest.raises(TransientError):
        await admin.topics(["raw-push"])


@pytest.mark.parametrize(("renew_seconds", "replaced"), [(0.0, True), (60.0, False)])
async def test_a_client_is_replaced_once_it_was_silent_for_too_long(renew_seconds: float, replaced: bool) -> None:  # noqa: FBT001 - a table
    settings = load({"kafka.bootstrap_servers": NOBODY})
    admin = KafkaAdmin(settings, answer_seconds=0.05, renew_seconds=renew_seconds)
    first = admin.client
    await unanswered(admin)
    assert admin.client is first, "one answer may be lost"
    await unanswered(admin)
    assert (admin.client is not first) is replaced


async def test_a_promise_that_nobody_keeps_is_waited_for_no_longer_than_an_answer() -> None:
    admin = KafkaAdmin(load({"kafka.bootstrap_servers": NOBODY}), answer_seconds=0.01)
    with pytest.raises(TransientError):
        await admin.answer(Future[object]())
