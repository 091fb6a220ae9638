from tests.benchmark.importing import by_package
from tests.benchmark.startup import reached

ACCOUNT = """import time: self [us] | cumulative | imported package
import time:       500 |        500 |   pydantic.fields
import time:      1500 |       2000 | pydantic
import time:       250 |        250 | python_app_template.app
"""


def line(event: str, second: int) -> dict[str, object]:
    return {"event": event, "timestamp": f"1970-01-01T00:00:{second:02}Z"}


def test_a_package_takes_what_its_modules_take_themselves() -> None:
    assert by_package(ACCOUNT) == {"pydantic": 2.0, "python_app_template": 0.25}


def test_a_step_is_reached_with_the_last_line_before_the_first_batch() -> None:
    steps = ["settings.loaded", "http.listening", "preflight", "preflight", "partitions.assigned", "partition.claimed"]
    lines = [line(event, second) for second, event in enumerate([*steps, "partition.claimed", "batch.settled"])]
    found = reached([*lines, line("partition.claimed", 30), line("batch.settled", 31)])
    assert found["preflight passed"] == 3
    assert found["claimed"] == 6
    assert found["first commit"] == 7
