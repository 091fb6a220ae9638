"""The process above an embedded server: when whoever asked for the server is gone, so are server and data.

Run as a script by `process.py`, one for each server, with nothing but the standard library, so that it is up in
milliseconds. It takes orders as JSON lines on standard input and answers on standard output:

    {"run": argv, "environment": {...}, "log": path, "user": uid or null, "group": gid or null, "end": signal}
        -> {"pid": pid}, or {"error": text}; later {"exit": status}
    {"signal": number}          to what runs

End of input, SIGTERM, or another parent than at first, all mean the same: send the signal `end`, then SIGKILL,
to all that was started, its orphans too, and remove the directory named by the first argument.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_SECONDS = 5.0
_POLL_SECONDS = 1.0


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _say(**answer: object) -> None:
    # A parent that is gone reads nothing; the end of input will say so too.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


class Watchdog:
    """Holds one server at a time, and answers for all its descendants."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: subprocess.Popen[bytes] | None = None
        self._end = signal.SIGKILL

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out one order."""
        if "run" in order:
            self._run(order)
        elif self._server is not None:
            self._server.send_signal(order["signal"])

    def _run(self, order: dict[str, Any]) -> None:
        if self._server is not None:
            _say(error="it runs already")
            return
        self._kill_orphans()  # a killed server's children hold its shared memory, and would keep it from starting
        self._end = signal.Signals(order["end"])
        try:
            with Path(order["log"]).open("ab") as log:
                self._server = subprocess.Popen(  # noqa: S603 - the command is process.py's
                    order["run"],
                    cwd=self._directory,
                    env=order["environment"],
                    user=order["user"],
                    group=order["group"],
                    extra_groups=None if order["group"] is None else [],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Safe: this process has one thread, which lives as long as it does.
                    preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, self._end),  # noqa: PLW1509
                )
        except (OSError, subprocess.SubprocessError) as e:
            _say(error=str(e))
        else:
            _say(pid=self._server.pid)

    def reap(self) -> None:
        """Notice what has exited."""
        if self._server is not None and (status := self._server.poll()) is not None:
            self._server = None
            _say(exit=status)
        with contextlib.suppress(ChildProcessError):
            # Orphans only: the server itself would have to be waited for by its Popen.
            while self._server is None and os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def end(self) -> None:
        """Leave nothing behind."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGCONT)
            self._server.send_signal(self._end)
            try:
                self._server.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._kill_orphans()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _kill_orphans(self) -> None:
        """Kill and reap the descendants that the kernel handed to this process (it is their subreaper)."""
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        while children.exists() and (pids := children.read_text().split()):
            for pid in map(int, pids):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def main(directory: Path) -> None:
    """Obey until the parent is gone."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    parent = os.getppid()
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    asked_to_end: list[int] = []
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda number, _: asked_to_end.append(number))
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # a terminal's: the parent decides what they mean
    watchdog = Watchdog(directory)
    unread = b""
    try:
        while not asked_to_end and os.getppid() == parent:
            readable, _, _ = select.select([0, wake], [], [], _POLL_SECONDS)
            if wake in readable:
                os.read(wake, 4096)
            watchdog.reap()
            if 0 in readable:
                received = os.read(0, 65536)
                if not received:
                    break
                *orders, unread = (unread + received).split(b"\n")
                for order in orders:
                    watchdog.obey(json.loads(order))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        watchdog.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
