"""What is known of a service that stands still: its processes' own view, and the group as the broker has it."""

from collections.abc import Iterator

import httpx
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from python_app_template.settings import Settings
from tests.broker import SILENT
from tests.chaos.fleet import Fleet, Member

ANSWER_SECONDS = 10.0
GAUGES = ("app_assigned_partitions", "app_consumer_lag", "app_outbox_pending", "app_halted")


def diagnosis(settings: Settings, fleet: Fleet) -> Iterator[str]:
    """A line for each process and for each member of the group."""
    yield from map(view, fleet.members)
    yield from members(settings)


def view(member: Member) -> str:
    """What a process says of itself."""
    service = member.service
    try:
        checks = {name: check["detail"] for name, check in service.get("/health/ready").json()["checks"].items()}
        live = service.get("/health/live").json()
        gauges = {(name, *sorted(dict(labels).items())): value for (name, labels), value in service.samples().items()}
    except (httpx.HTTPError, AssertionError) as silent:
        return f"{member.name} (pid {service.pid}) does not answer: {silent!r}"
    shown = {name: value for name, value in gauges.items() if name[0] in GAUGES}
    return f"{member.name} (pid {service.pid}): {checks}; live: {live}; {shown}"


def members(settings: Settings) -> Iterator[str]:
    """Whom the broker counts among the group, and what each was given."""
    admin = AdminClient({"bootstrap.servers": settings.kafka.bootstrap_servers}, logger=SILENT)
    (asked,) = admin.describe_consumer_groups([settings.kafka.group_id]).values()
    try:
        group = asked.result(ANSWER_SECONDS)
    except (KafkaException, TimeoutError) as silent:
        yield f"the group can't be described: {silent!r}"
        return
    yield f"group {group.state}"
    for one in group.members:
        numbers = sorted(tp.partition for tp in one.assignment.topic_partitions) if one.assignment else []
        yield f"member {one.member_id} has partitions {numbers}"
