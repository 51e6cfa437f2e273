"""The field: who takes part in the plain job, and what each needs."""

from typing import Literal

from msgspec import Struct

LogName = Literal["long", "short"]
Kind = Literal["ours", "framework", "floor", "broker"]


class Contestant(Struct, frozen=True):
    """One program in `contestants/`, named as its module is.

    `environment` is the file in `requirements/` that it is installed from, None for Stillwatch's own. Slow ones read
    the short log, which spans the same time with fewer events. `by_minute`: its alerts are of whole minutes. `remark`
    says what a reader of the table must know.
    """

    name: str
    title: str
    kind: Kind
    environment: str | None = None
    log: LogName = "long"
    remark: str = ""
    by_minute: bool = False

    @property
    def module(self) -> str:
        """What Python is to run."""
        return f"tests.benchmarks.plain.contestants.{self.name}"

    @property
    def keeps_windows(self) -> bool:
        """Whether it does the job at all."""
        return self.kind != "broker"


FIELD = (
    Contestant("stillwatch", "Stillwatch, fence and outbox on", "ours"),
    Contestant("faust_each", "Faust, a pipeline per event", "framework", log="short"),
    Contestant("faust_take", "Faust, take()", "framework", log="short"),
    Contestant(
        "quix_state",
        "Quix Streams, its own store",
        "framework",
        "quix",
        "short",
        "its exactly-once guarantee is on, state is in RocksDB",
    ),
    Contestant("quix_sink", "Quix Streams, batching sink", "framework", "quix"),
    Contestant(
        "bytewax_plain",
        "bytewax, no recovery",
        "framework",
        "bytewax",
        remark="nothing is kept for a restart, which begins at the beginning",
    ),
    Contestant("bytewax_recovery", "bytewax, recovery each second", "framework", "bytewax"),
    Contestant(
        "flink_python", "PyFlink, DataStream in Python", "framework", "flink", "short", "state is in Flink's heap"
    ),
    Contestant(
        "flink_sql",
        "PyFlink, SQL",
        "framework",
        "flink",
        remark="state is in Flink's heap; its alerts are of whole minutes",
        by_minute=True,
    ),
    Contestant("floor", "a loop over confluent-kafka", "floor", "floor"),
    Contestant("raw", "consume and decode alone", "broker", "floor"),
)


def chosen(names: str | None) -> tuple[Contestant, ...]:
    """Those of the field with the names in a list with commas; all of them for None. Raises ValueError."""
    if names is None:
        return FIELD
    asked = names.split(",")
    if unknown := set(asked) - {it.name for it in FIELD}:
        raise ValueError(
            f"nobody is called {', '.join(sorted(unknown))}; there are {', '.join(it.name for it in FIELD)}"
        )
    return tuple(it for it in FIELD if it.name in asked)
