"""`python -m python_app_template`: load the settings, log them masked, serve. Takes no arguments; `serve` does."""

import gc
import sys
from collections.abc import Callable, Mapping, Sequence

gc.disable()  # what is imported stays: looking at all of it again and again is a fifth of the start

import structlog

from python_app_template import app
from python_app_template.exit_codes import ExitCode
from python_app_template.monitoring import logging
from python_app_template.settings import Settings, SettingsError, explained, load

gc.freeze()  # else the first collection would look at all of it at once
gc.enable()


def refuse(arguments: Sequence[str]) -> int:
    """Say who takes arguments."""
    what = " ".join(arguments)
    print(f"no arguments are taken here, not {what!r}; use: python-app-template serve {what}", file=sys.stderr)  # noqa: T201 - as below
    return ExitCode.SETTINGS


def main(overrides: Mapping[str, object] | None = None, run: Callable[[Settings], int] = app.run) -> int:
    """Serve until stopped; return the exit code. `overrides` are the command line's."""
    try:
        settings = load(overrides)
    except SettingsError as error:
        print(*error.lines, sep="\n", file=sys.stderr)  # noqa: T201 - there is no log yet
        return ExitCode.SETTINGS
    logging.configure(settings.log.level, settings.log.format, service=settings.service_name)
    changed = {row.name: row.value for row in explained(settings) if row.origin != "default"}
    structlog.get_logger(__name__).info("settings.loaded", **changed)
    return run(settings)


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(refuse(sys.argv[1:]))
    sys.exit(main())
