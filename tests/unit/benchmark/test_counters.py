"""What is counted as a side's own."""

from pathlib import Path

from tests.benchmark.counters import kafka_bytes
from tests.benchmark.sides import Grounds

GROUNDS = Grounds("", "", "trial_7-in", "trial_7-out", "trial_7", Path())


def write(data: Path, partition: str, size: int) -> None:
    (data / partition).mkdir()
    (data / partition / "00000000000000000000.log").write_bytes(bytes(size))
    (data / partition / "00000000000000000000.index").write_bytes(bytes(10**6))


def test_a_sides_own_topics_count_but_its_input_and_what_the_broker_keeps_for_it(tmp_path: Path) -> None:
    for number, partition in enumerate(("trial_7-out-0", "trial_7-in.dlq-0", "trial_7-out.positions-0")):
        write(tmp_path, partition, 10**number)
    write(tmp_path, "__transaction_state-0", 10**3)
    write(tmp_path, "trial_7-in-2", 10**4)
    write(tmp_path, "__cluster_metadata-0", 10**4)
    assert kafka_bytes(tmp_path, GROUNDS) == 1111


def test_what_earlier_sides_left_to_be_deleted_is_not_missed_when_it_goes(tmp_path: Path) -> None:
    write(tmp_path, "trial_7-out-0", 5)
    write(tmp_path, "trial_6-out-0.0a1b2c-delete", 10**4)
    write(tmp_path, "trial_77-out-0", 10**4)
    assert kafka_bytes(tmp_path, GROUNDS) == 5
