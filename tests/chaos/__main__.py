"""`python -m tests.chaos`: faults for as long as it is told; `--merge FILE` makes a table of what runs have told."""
# ruff: noqa: T201 - what it prints is what it is for

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.arena import arena
from tests.chaos.choice import chosen
from tests.chaos.rounds import Round, keep
from tests.chaos.schedule import plan
from tests.chaos.tally import Tally, read

ROUND_SECONDS = 40.0


def main() -> int:
    """Return 0 when nothing was found wrong."""
    options = arguments()
    if options.merge:
        print(*read(options.merge.read_text().splitlines()).table(), sep="\n")
        return 0
    logs = options.logs or Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"seed {options.seed}; logs of what goes wrong are kept in {logs}", flush=True)
    total = run(options, logs)
    print(*total.table(), *total.violations, *total.findings, sep="\n")
    return 1 if total.violations or total.findings else 0


def run(options: argparse.Namespace, logs: Path) -> Tally:
    """Play rounds until the time is up, one at the least."""
    until, number, total = time.monotonic() + options.minutes * 60, options.first, Tally([options.seed])
    with arena(logs) as servers:
        while not total.rounds or time.monotonic() < until:
            drawn = plan(options.seed, number, options.round_seconds, slow=options.slow, only=options.only)
            played = Round(servers, drawn.at_full_speed() if options.full_speed else drawn)
            tally = played.play()
            keep(played.directory, tally)
            if options.tally:
                tally.append_to(options.tally)
            total.add(tally)
            print(
                f"round {number}: {tally.seconds:.0f} s, {tally.faults.total()} faults of {total.faults.total()}, "
                f"{tally.messages} messages, {len(tally.violations)} violations, {len(tally.findings)} findings",
                *tally.violations,
                *tally.findings,
                sep="\n  ",
                flush=True,
            )
            number += 1
    return total


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--first", type=int, default=0, help="number of the first round, to play one again")
    parser.add_argument("--slow", action="store_true", help="processes and servers die in each round")
    parser.add_argument("--full-speed", action="store_true", help="the benchmark's batches and messages, no pauses")
    parser.add_argument("--only", type=kinds, default=(), help="KIND[,KIND] of the table's, or what is before its dot")
    parser.add_argument("--round-seconds", type=float, default=ROUND_SECONDS)
    parser.add_argument("--tally", type=Path, help="file that each round is appended to, as a line of JSON")
    parser.add_argument("--logs", type=Path, help="directory for the logs of rounds that went wrong")
    parser.add_argument("--merge", type=Path, help="print the table of such a file, and end")
    return parser.parse_args()


def kinds(text: str) -> frozenset[str]:
    """Read `--only`."""
    try:
        return chosen(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from fault


if __name__ == "__main__":
    sys.exit(main())
