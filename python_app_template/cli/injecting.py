"""Failpoints of a command, as `APP_FAILPOINTS__POINTS` sets them for the service."""

import sys
from collections.abc import Callable

from python_app_template.settings import Settings
from python_app_template.settings.failpoints import parse


def reach(settings: Settings) -> Callable[[str], None]:
    """Return what is to be told of the points that are reached; hits are logged to standard error."""
    if not settings.failpoints.points:
        return lambda _point: None
    # Slow to import, and seldom needed.
    from python_app_template.monitoring.failpoints import Failpoints  # noqa: PLC0415
    from python_app_template.monitoring.logging import configure  # noqa: PLC0415

    configure(settings.log.level, settings.log.format, sys.stderr)
    return Failpoints(parse(settings.failpoints.points), settings.failpoints.seed).in_thread()
