"""Where a follower of the log of decisions goes on when it has to connect anew."""

from aiokafka.structs import ConsumerRecord

from agents.enforcement.reading import Bookmark
from agents.topics import LogOfDecisions

LOG = LogOfDecisions("prefix.enforcement", "one", 2)


def records(last: int) -> list[ConsumerRecord[bytes, bytes]]:
    return [ConsumerRecord("prefix.enforcement", 0, last, 0, 0, b"", b"", 0, 0, 0, ())]


async def test_it_goes_on_after_the_last_that_was_taken_and_from_the_beginning_of_another_log() -> None:
    bookmark = Bookmark()
    assert dict(await bookmark.start(LOG)) == {}
    bookmark.took(0, records(6))
    assert dict(await bookmark.start(LOG)) == {0: 7}
    assert dict(await bookmark.start(LogOfDecisions("prefix.enforcement", "other", 2))) == {}


async def test_what_is_taken_before_it_begins_anew_is_not_noted() -> None:
    bookmark = Bookmark()
    await bookmark.start(LOG)
    bookmark.begin_anew()
    bookmark.took(0, records(6))
    was_anew = bookmark.is_anew
    assert dict(await bookmark.start(LOG)) == {}
    assert (was_anew, bookmark.is_anew) == (True, False)
    bookmark.took(0, records(8))
    assert dict(await bookmark.start(LOG)) == {0: 9}
