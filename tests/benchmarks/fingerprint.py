"""How fast the edge fingerprint is: `python tests/benchmarks/fingerprint.py`.

Prints records a second and microseconds a record on one core for records of 600 characters: the fingerprint alone
(from a decoded record to the event), with decoding of the line and encoding of the event, and for words it has
never met. The text is natural where ../shared/data is present, otherwise made of a Zipf-like vocabulary.
"""

import gzip
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from streams.events import Message, RequestRecord
from streams.fingerprint import Fingerprinter

CORPORA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "prompts"
CHARACTERS = 600
RECORDS = 1_000
CHUNK = 50
ROUNDS = 40
Work = TypeVar("Work")
KEY = b"benchmark-key-of-no-secrecy"


def sentences(randomness: random.Random) -> list[str]:
    """Return texts to build prompts from: real ones where there are any."""
    if CORPORA.is_dir():
        lines = [
            line for path in sorted(CORPORA.glob("*.gz")) for line in gzip.decompress(path.read_bytes()).splitlines()
        ]
        return [msgspec.json.decode(line)["text"] for line in randomness.sample(lines, RECORDS)]
    vocabulary = ["".join(randomness.choices("etaoinshrdlu", k=randomness.randint(2, 9))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    return [" ".join(randomness.choices(vocabulary, weights, k=20)) for _ in range(RECORDS)]


def natural(randomness: random.Random) -> Iterator[str]:
    """Yield prompts of `CHARACTERS` characters, each of several texts."""
    texts = sentences(randomness)
    for text in texts:
        prompt = text
        while len(prompt) < CHARACTERS:
            prompt += " " + randomness.choice(texts)
        yield prompt[:CHARACTERS]


def novel(randomness: random.Random) -> Iterator[str]:
    """Yield prompts of `CHARACTERS` characters of which no word was seen before: the worst case of the memory."""
    for _ in range(RECORDS):
        words = ("".join(randomness.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(CHARACTERS // 8))
        yield " ".join(words)


def record(number: int, prompt: str, randomness: random.Random) -> RequestRecord:
    """Return a request record around `prompt`, with an address and a user agent as real ones repeat."""
    return RequestRecord(
        event_id=f"event-{number}",
        occurred_at_ms=1_780_000_000_000 + number,
        account_id=f"account-{randomness.randrange(1000)}",
        operation="chat",
        request_model="large-1",
        client_address=f"203.0.{randomness.randrange(32)}.{randomness.randrange(256)}",
        user_agent=f"client/{randomness.randrange(40)} (bench)",
        messages=[Message("system", "You are helpful."), Message("user", prompt)],
        input_tokens=150,
        output_tokens=300,
    )


def report(name: str, work: Callable[[list[Work]], None], items: list[Work]) -> None:
    """Run `work` over chunks of `items`, add each chunk's best of `ROUNDS` up, and print the rate.

    The best of short pieces says what the code costs on a machine that others use too.
    """
    chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
    best = sum(min(_seconds(work, chunk) for _ in range(ROUNDS)) for chunk in chunks)
    print(f"{name:<48}{len(items) / best:>10,.0f} records/s{best / len(items) * 1e6:>9.1f} us a record")


def _seconds(work: Callable[[list[Work]], None], chunk: list[Work]) -> float:
    started = time.process_time()
    work(chunk)
    return time.process_time() - started


def fingerprint(fingerprinter: Fingerprinter, records: list[RequestRecord]) -> None:
    """Fingerprint `records` and keep nothing."""
    for each in records:
        fingerprinter.event(each)


def pass_on(fingerprinter: Fingerprinter, lines: list[bytes]) -> None:
    """Decode `lines`, fingerprint the records and encode the events, as an ingest does."""
    decode = msgspec.json.Decoder(RequestRecord).decode
    encode = msgspec.json.Encoder().encode
    for line in lines:
        encode(fingerprinter.event(decode(line)))


def main() -> None:
    """Measure and print."""
    randomness = random.Random(1)
    records = [record(number, prompt, randomness) for number, prompt in enumerate(natural(randomness))]
    unseen = [record(number, prompt, randomness) for number, prompt in enumerate(novel(randomness))]
    lines = [msgspec.json.encode(each) for each in records]
    warm = Fingerprinter(KEY)
    fingerprint(warm, records)
    report("fingerprint, 600 characters", partial(fingerprint, warm), records)
    report("decode + fingerprint + encode", partial(pass_on, warm), lines)
    report("fingerprint, memory empty every 50 records", lambda chunk: fingerprint(Fingerprinter(KEY), chunk), records)
    report("fingerprint, no word ever met before", lambda chunk: fingerprint(Fingerprinter(KEY), chunk), unseen)


if __name__ == "__main__":
    main()
