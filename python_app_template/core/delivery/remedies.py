"""Which command goes on after a halt, once a person has decided; docs/operations.md says what to look at before."""

from python_app_template.core.delivery.messages import Partition

SET = "python-app-template positions set"
WHY = "--reason '...'"

PARTITION = {
    "other_group": "if it is to be ours: `{set} {which} --group {group} {why}`",
    "topic_recreated": "if the old topic was consumed: `{set} {which} --accept-topic --offset earliest {why}`",
    "topic_deleted": "if it may begin anew: `python-app-template topics create`, then the halt is another",
    "log_truncated": "what lies between is gone: `{set} {which} --offset earliest {why}`",
    "offset_out_of_range": "if the broker lost what was consumed: `{set} {which} --offset latest {why}`",
}

PUBLISHED = f"find the last outbox row that is published, then `{SET} --published NUMBER {WHY}`"

RELAY = {
    "cursor_lost": PUBLISHED,
    "cursor_unreadable": PUBLISHED,
    "database_set_back": f"stop the workers; {PUBLISHED}",
    "outbox_gap": f"what is missing is lost; `{SET} --published NUMBER {WHY}` with the last number that is missing",
    "topic_recreated": "if its events may be gone: `{set} --topic {topic} --accept-topic {why}`",
}


def for_partition(reason: str, partition: Partition, group: str) -> str:
    """Return what to do about a partition; `group` is ours."""
    which = f"--topic {partition.topic} --partition {partition.number}"
    return _with_page(reason, PARTITION[reason].format(set=SET, which=which, group=group, why=WHY))


def for_relay(reason: str, topic: str = "") -> str:
    """Return what to do about the relay; `topic` is the one made anew."""
    return _with_page(reason, RELAY[reason].format(set=SET, topic=topic, why=WHY))


def _with_page(reason: str, remedy: str) -> str:
    return f"{remedy} (docs/operations.md, `{reason}`)"
