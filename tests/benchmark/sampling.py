"""What a running process is seen to use, second after second."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import sysconf
from pathlib import Path

from tests.benchmark.slope import Point

EVERY_SECONDS = 1.0
PAGE = sysconf("SC_PAGE_SIZE")


def resident_megabytes(pid: int) -> float:
    """What of it is in memory now, shared pages included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 2**20


@contextmanager
def sampled(looks: Sequence[Callable[[], float]]) -> Iterator[list[list[Point]]]:
    """Take each look every second, on a thread; a list of points for each. What a look raises is raised in the end."""
    series: list[list[Point]] = [[] for _ in looks]
    ended, faults = threading.Event(), list[Exception]()
    began = time.monotonic()

    def sample() -> None:
        try:
            while not ended.wait(EVERY_SECONDS - (time.monotonic() - began) % EVERY_SECONDS):
                for points, look in zip(series, looks, strict=True):
                    points.append(Point(time.monotonic() - began, look()))
        except Exception as fault:  # noqa: BLE001 - raised below
            faults.append(fault)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield series
    finally:
        ended.set()
        thread.join()
    if faults:
        raise faults[0]
