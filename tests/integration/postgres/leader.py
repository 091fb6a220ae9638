"""A process that leads until it is told to end: a line on its output for each line on its input."""

import asyncio
import sys

from python_app_template.adapters.secondary.postgres.term import lead
from python_app_template.settings import load


async def main(url: str, idle_session_ms: int) -> None:
    async with lead(load({"database.url": url}).database, idle_session_ms=idle_session_ms)() as term:
        say(await term.holds())
        while await asyncio.to_thread(sys.stdin.readline):
            say(await term.holds())


def say(holds: object) -> None:
    sys.stdout.write(f"{holds}\n")
    sys.stdout.flush()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
