"""Whether to ask somebody who did not answer lately. No clock, no IO."""


class Circuit:
    """Open for a while after a failure, so that not every call pays for finding out; then one call tries.

    `now` is monotonic seconds. M. Nygard, "Release It!", 2nd edition, 2018: circuit breaker.
    """

    def __init__(self, rest_seconds: float) -> None:
        self._rest = rest_seconds
        self._closed_again = 0.0
        self._open = False

    def lets_through(self, now: float) -> bool:
        """Whether to ask. Once the rest is over it says so to one caller, and to others only after another rest."""
        if self._open and now < self._closed_again:
            return False
        if self._open:
            self._closed_again = now + self._rest
        return True

    def worked(self) -> None:
        """An answer came."""
        self._open = False

    def failed(self, now: float) -> None:
        """None came."""
        self._open, self._closed_again = True, now + self._rest
