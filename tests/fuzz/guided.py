"""The decoder under atheris: libFuzzer spoils bytes, and keeps those that reach new branches, to spoil them further.

Started by `tests.fuzz` as a process of its own, which libFuzzer ends: 0, or not, with the value that was misjudged.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["python_app_template.adapters", "json"]):
    import python_app_template.adapters.wire.messages  # noqa: F401 - first of all, so that its branches are counted
from python_app_template.core.delivery.messages import Record
from tests.fuzz.judgement import judge
from tests.fuzz.mutations import PIECES, TEXTS, P

LONGEST = 4096


def judge_bytes(value: bytes) -> None:
    """Raise AssertionError for a verdict unlike the contract's, and whatever is a bug."""
    judge(Record(P, 0, 0, None, value))


def main(corpus: str, runs: str) -> None:
    """Make so many runs, from messages of the contract and pieces of JSON on, which are written to that directory."""
    for number, text in enumerate([*TEXTS, *PIECES]):
        Path(corpus, str(number)).write_text(text)
    options = [f"-runs={runs}", f"-max_len={LONGEST}", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, corpus], judge_bytes)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
