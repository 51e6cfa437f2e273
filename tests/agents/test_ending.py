"""How tasks end: each of them, and only then whoever ends them goes on."""

import asyncio
from contextlib import suppress

from agents.ending import cancelled, waits_at


async def test_a_task_whose_cancellation_was_swallowed_is_cancelled_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        """Go on for ever, as a loop does around what swallows a cancellation, twice."""
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(3_600)
            except asyncio.CancelledError:
                if swallowed == 2:
                    raise
                swallowed += 1

    async def willing() -> None:
        await asyncio.sleep(3_600)

    async def done() -> None:
        raise ValueError

    tasks = [asyncio.create_task(work) for work in (stubborn(), willing(), done())]
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await cancelled(tasks, again_s=0.001)
    assert [task.done() for task in tasks] == [True, True, True]
    assert (tasks[0].cancelled(), tasks[1].cancelled(), swallowed) == (True, True, 2)


async def test_nothing_to_cancel_is_over_at_once() -> None:
    finished = asyncio.create_task(asyncio.sleep(0))
    with suppress(asyncio.CancelledError):
        await finished
    await cancelled(())
    await cancelled((finished,))
    assert not finished.cancelled()


async def test_it_is_said_where_a_task_waits() -> None:
    async def inner() -> None:
        await asyncio.sleep(3_600)

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    places = [place.rpartition(":")[0].rpartition(".")[2] for place in waits_at(task).split(" > ")]
    assert places == ["outer", "inner", "sleep"]
    await cancelled((task,))
    assert waits_at(task).endswith("outer:0")
