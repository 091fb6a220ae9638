"""The process that has everything imported, and becomes the service by a fork: a start costs a tenth of a second.

Takes orders as JSON lines on standard input and answers on standard output, as the embedded servers' watchdog does:

    {"environment": {...}, "log": path}    -> {"pid": pid}; later {"pid": pid, "exit": as waitpid says it}

At the end of its input it ends all that it started.
"""

import ctypes
import json
import os
import select
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

from tests.forking import incarnation

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Obey until nobody gives orders any more."""
    children: set[int] = set()
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGUSR1, incarnation.hold_interpreter)  # for children that are held before they begin
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's: whoever gives the orders decides what it means
    unread = b""
    while True:
        readable, _, _ = select.select([0, wake], [], [])
        if wake in readable:
            os.read(wake, 4096)
        _reap(children)
        if 0 in readable:
            if not (received := os.read(0, 65536)):
                break
            *orders, unread = (unread + received).split(b"\n")
            children |= {_fork(json.loads(order), {wake, waker}) for order in orders}
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _fork(order: dict[str, Any], own: set[int]) -> int:
    # Safe: nothing has started a thread here.
    pid = os.fork()
    if pid == 0:
        _become(order, own)
    _say(pid=pid)
    return pid


def _become(order: dict[str, Any], own: set[int]) -> NoReturn:
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        for descriptor in (log, nothing, *own):
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(order["environment"])
        code = incarnation.main()
    except BaseException:  # noqa: BLE001 - as the interpreter ends a program
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(Exception):
            sys.stdout.flush()
        os._exit(code)


def _reap(children: set[int]) -> None:
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            children.discard(pid)
            _say(pid=pid, exit=os.waitstatus_to_exitcode(status))


def _say(**answer: object) -> None:
    os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
