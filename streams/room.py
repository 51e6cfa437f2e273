"""What the kernel has laid out in its room, as objects for a person, a command or a test."""

from streams import kernel
from streams.capabilities import CapabilityDays
from streams.distinct import Distinct
from streams.instructions import Instruction
from streams.windows import Counts


def buckets_of(room: kernel.Room, plane: int) -> dict[int, Counts]:
    """The buckets of one resolution by index."""
    size = room.sizes[plane]
    index, counts = room.buckets[plane, :size].tolist(), room.counts[plane, :size].tolist()
    return {bucket: Counts(*row) for bucket, row in zip(index, counts, strict=True)}


def sketch_of(room: kernel.Room, kind: int) -> Distinct:
    """One of the sketches."""
    size = room.sizes[kernel.SKETCHES + kind]
    seen = dict(zip(room.hashes[kind, :size].tolist(), room.hours[kind, :size].tolist(), strict=True))
    return Distinct(seen, *room.ceilings[kind].tolist())


def days_of(room: kernel.Room) -> CapabilityDays:
    """What was asked for, by day."""
    size = room.sizes[kernel.CAPABILITY_DAYS]
    days, asked = room.days[:size].tolist(), room.asked[:size].tolist()
    return {
        day: {position: count for position, count in enumerate(of_day) if count}
        for day, of_day in zip(days, asked, strict=True)
    }


def instructions_of(room: kernel.Room) -> tuple[Instruction, ...]:
    """The instructions that are kept, the one that was used longest ago first."""
    held = room.sizes[kernel.INSTRUCTIONS_HELD]
    return tuple(
        Instruction(
            words=tuple(word for word in words if word < kernel.NO_WORD),
            asked=row[kernel.ASKED],
            followed=row[kernel.FOLLOWED],
            extracted=row[kernel.EXTRACTED],
            since_hour=row[kernel.SINCE_HOUR],
            wordings=row[kernel.WORDINGS],
            more_words=tuple(word for word in more if word < kernel.NO_WORD),
            open=tuple(conversation for conversation in row[kernel.OPEN :] if conversation >= 0),
        )
        for words, more, row in zip(
            room.words[:held].tolist(), room.more_words[:held].tolist(), room.instructions[:held].tolist(), strict=True
        )
    )
