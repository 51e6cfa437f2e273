"""Whether records are missing before a batch, or the log has none there."""


class Gaps:
    """What was read again because records seemed to be missing, by partition."""

    def __init__(self) -> None:
        self._sought: dict[int, tuple[int, int]] = {}

    def is_before(self, number: int, offset: int, start: int) -> bool:
        """Whether records are missing between `offset`, where the partition stands, and a batch that begins at `start`.

        They are to be read first. If the log has none (the markers of a transaction, records that retention removed),
        reading again brings a batch that begins at the same place, and there is no gap. A batch that begins later is
        one that was waiting behind the first.
        """
        if start == offset + 1 or self._sought.get(number) == (offset, start):
            return False
        stood, lowest = self._sought.get(number, (offset, start))
        self._sought[number] = (offset, min(lowest, start) if stood == offset else start)
        return True

    def forget(self, number: int) -> None:
        """Forget a partition, or that anything was missing in it."""
        self._sought.pop(number, None)
