"""The Python functions of `flink_python`: its workers import them from here, rather than get them pickled by value."""

from collections.abc import Iterator
from typing import Any

from pyflink.common import Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ValueStateDescriptor

from tests.benchmarks.plain.job import (
    MINUTE_MS,
    Account,
    Network,
    Wanted,
    decode,
    decode_account,
    decode_network,
    encode_window,
)
from tests.benchmarks.plain.told import Told

ALERT = "alert:"
AT_THE_END = 2**60
"""A timer of this event time fires when the log has ended."""


class AccountFunction(KeyedProcessFunction):  # type: ignore[misc]  # PyFlink is not installed where types are checked
    """One account at a time: alerts, and at the end the window."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def open(self, context: RuntimeContext) -> None:
        """Get at the state."""
        self._state = context.get_state(ValueStateDescriptor("window", Types.PICKLED_BYTE_ARRAY()))

    def process_element(self, event: Wanted, context: Any) -> Iterator[str]:  # noqa: ANN401
        """Count one event."""
        self._told.first()
        stored = self._state.value()
        if stored is None:
            context.timer_service().register_event_time_timer(AT_THE_END)
        window = Account() if stored is None else decode_account(stored)
        for _, alert in window.add([event], self._told.limit):
            yield ALERT + alert.decode()
        self._state.update(encode_window(window))

    def on_timer(self, _at: int, context: Any) -> Iterator[str]:  # noqa: ANN401
        """The log has ended."""
        yield f"{context.get_current_key()} {self._state.value().hex()}"


class NetworkFunction(KeyedProcessFunction):  # type: ignore[misc]
    """One network at a time: nothing, and at the end the window."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def open(self, context: RuntimeContext) -> None:
        """Get at the state."""
        self._state = context.get_state(ValueStateDescriptor("window", Types.PICKLED_BYTE_ARRAY()))

    def process_element(self, event: Wanted, context: Any) -> Iterator[str]:  # noqa: ANN401
        """Count one event."""
        stored = self._state.value()
        if stored is None:
            context.timer_service().register_event_time_timer(AT_THE_END)
        window = Network() if stored is None else decode_network(stored)
        window.add(event.occurred_at_ms // MINUTE_MS)
        self._state.update(encode_window(window))
        yield from ()

    def on_timer(self, _at: int, context: Any) -> Iterator[str]:  # noqa: ANN401
        """The log has ended."""
        yield f"{context.get_current_key()} {self._state.value().hex()}"


def event_of(text: str) -> Wanted:
    """What the job needs of an event."""
    return decode(text)


def account_of(event: Wanted) -> str:
    """The key of an account's window."""
    return event.account_id


def network_of(event: Wanted) -> str:
    """The key of a network's window."""
    return event.network_hash


def is_alert(line: str) -> bool:
    """Whether an account's output is an alert, and not its window."""
    return line.startswith(ALERT)


def alert_in(line: str) -> str:
    """The alert record."""
    return line.removeprefix(ALERT)


def is_window(line: str) -> bool:
    """Whether an account's output is its window."""
    return not is_alert(line)
