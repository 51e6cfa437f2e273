"""When not to ask Redis, because it has not answered lately."""


class Breaker:
    """Open after `threshold` failures in a row; then one question in `pause_us` goes through, until one is answered."""

    def __init__(self, *, threshold: int, pause_us: int) -> None:
        self._threshold = threshold
        self._pause_us = pause_us
        self._failures = 0
        self._again_us = 0

    def lets(self, now_us: int) -> bool:
        """Whether to ask now. Where it is open, whoever is told yes is the one who tries."""
        if self._failures < self._threshold:
            return True
        if now_us < self._again_us:
            return False
        self._again_us = now_us + self._pause_us
        return True

    def worked(self) -> None:
        """A question was answered."""
        self._failures = 0

    def failed(self, now_us: int) -> None:
        """A question was not answered."""
        self._failures += 1
        if self._failures == self._threshold:
            self._again_us = now_us + self._pause_us
