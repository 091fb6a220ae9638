"""Being asked to stop, at the terminal or by a supervisor."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Make Ctrl-C and SIGTERM the same, KeyboardInterrupt, and known to other threads."""
    interrupted = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        interrupted.set()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    except (TypeError, SystemError) as mangled:  # what becomes of it in the middle of a call of librdkafka's binding
        if not interrupted.is_set():
            raise
        raise KeyboardInterrupt from mangled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
