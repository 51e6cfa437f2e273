"""What a lane shows of a partition that it has, to whoever puts items in from beside the topic."""


class Owned:
    """A partition of this worker since it was opened last: the last offset taken, and when the log took that.

    Another one stands in its place once the partition was opened anew: what the store lost meanwhile it does not tell,
    so whoever counts for himself what was put in starts from the store again.
    """

    def __init__(self, offset: int, newest_ms: int = 0) -> None:
        self.offset = offset
        self.newest_ms = newest_ms
