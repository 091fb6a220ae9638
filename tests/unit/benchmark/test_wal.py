"""What PostgreSQL's tools say of its log."""

from pathlib import Path

import pytest

from tests.benchmark.cpu import kind
from tests.benchmark.wal import lsn, parsed, segment

SAID = """WAL statistics between 0/1000028 and 0/2000000:
Type                                           N      (%)          Record size      (%)             FPI size      (%)        Combined size      (%)
----                                           -      ---          -----------      ---             --------      ---        -------------      ---
Heap                                         100 ( 50.00)                 6000 ( 60.00)                 4096 ( 50.00)                10096 ( 55.00)
                                        --------                      --------                      --------                      --------
Total                                        200                         10000 [55.00%]                 8192 [45.00%]                18192 [100%]
"""  # noqa: E501 - as it is printed


def test_bytes_of_records_and_of_images_are_told_apart() -> None:
    assert parsed(SAID) == (10000, 8192)


def test_what_has_no_total_is_named() -> None:
    with pytest.raises(AssertionError, match="no total in pg_waldump: error"):
        parsed("pg_waldump: error")


def test_a_place_is_written_as_postgres_does() -> None:
    assert lsn(0x1_2345_6789) == "1/23456789"
    assert segment(Path("/data"), 0x1_2345_6789).name == "000000010000000100000023"


@pytest.mark.parametrize(
    ("title", "what"),
    [
        ("postgres: checkpointer ", "checkpointer"),
        ("postgres: io worker 1", "io worker"),
        ("postgres: autovacuum worker service", "autovacuum"),
        ("postgres: postgres service 127.0.0.1(4711) COMMIT", "sessions"),
    ],
)
def test_a_process_is_known_by_its_title(title: str, what: str) -> None:
    assert kind(title) == what
