"""A model that the decider did not sign teaches nobody; one that it signed comes back to the byte."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from agents.keys import make_pair, public_of
from agents.known import learner_of
from agents.sealing import HEAD_BYTES, MARK, SealingStore, state_of
from agents.signing import Signer
from agents.store import Place, Store
from agents.store.memory import MemoryStore
from streams.learning import Learner, LearnerState
from streams.policy import DEFAULT_POLICY
from streams.stages.campaigns import CampaignsStage

PLACE = Place("observe", 3)


class Scene:
    def __init__(self, folder: Path, verify_keys: Path | None = None) -> None:
        self.key = folder / "signing.pem"
        if not self.key.exists():
            make_pair(self.key)
        self.below = MemoryStore()
        self.refused = Counter("refused", "Refused.", ["stage"], registry=CollectorRegistry())
        self.store: Store = SealingStore(self.below, Signer(self.key), verify_keys, self.refused)

    async def put(self, store: Store, place: Place = PLACE, **values: bytes) -> None:
        opened = await store.open(place)
        answer = await store.commit(
            place, owner=opened.owner, expected=opened.offset, offset=opened.offset + 1, values=values, outbox=b""
        )
        assert answer.kind == "applied"

    async def held(self, key: str = "model", place: Place = PLACE) -> bytes | None:
        return (await self.below.load(place, [key])).values[0]

    async def given(self, *keys: str, place: Place = PLACE) -> tuple[bytes | None, ...]:
        return (await self.store.load(place, keys or ["model"])).values

    @property
    def left_out(self) -> float:
        return float(self.refused.labels(stage="observe")._value.get())  # noqa: SLF001  what the metric says


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_models_come_back_to_the_byte_and_other_states_are_stored_as_they_are(scene: Scene) -> None:
    await scene.put(scene.store, model=b"lessons", learner=b"verdicts", shard=b"windows")
    assert await scene.given("shard", "model", "learner", "none") == (b"windows", b"lessons", b"verdicts", None)
    held = await scene.held()
    assert held is not None
    assert (held[: len(MARK)], held[HEAD_BYTES:], state_of(held)) == (MARK, b"lessons", b"lessons")
    assert await scene.held("shard") == b"windows"
    assert scene.left_out == 0


@given(at=st.integers(min_value=0), flip=st.integers(1, 255))
async def test_a_model_of_which_any_byte_is_another_is_left_out(
    tmp_path_factory: pytest.TempPathFactory, at: int, flip: int
) -> None:
    scene = Scene(tmp_path_factory.getbasetemp())
    await scene.put(scene.store, model=b"lessons")
    sealed = bytearray(await scene.held() or b"")
    sealed[at % len(sealed)] ^= flip
    await scene.put(scene.below, model=bytes(sealed))
    assert await scene.given() == (None,)
    assert scene.left_out == 1


async def test_a_model_that_is_not_signed_or_cut_short_is_left_out(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    for value in (b"lessons", MARK, MARK + b"0" * 70):
        await scene.put(scene.below, model=value)
        assert await scene.given() == (None,)
    assert scene.left_out == 3
    assert caplog.messages[0] == "The model of observe/3 in Redis is not signed: it begins anew."


async def test_a_model_of_another_place_or_another_name_is_left_out(scene: Scene) -> None:
    await scene.put(scene.store, model=b"lessons")
    sealed = await scene.held() or b""
    for place, key in ((PLACE, "learner"), (Place("observe", 2), "model"), (Place("networks", 3), "model")):
        await scene.put(scene.below, place, **{key: sealed})
        assert await scene.given(key, place=place) == (None,)


async def test_a_key_that_is_no_longer_used_counts_as_long_as_it_is_trusted(tmp_path: Path) -> None:
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    old = Scene(tmp_path)
    (trusted / "old.pub").write_bytes(public_of(old.key).read_bytes())
    await old.put(old.store, model=b"lessons")
    sealed = await old.held() or b""

    (tmp_path / "new").mkdir()
    new = Scene(tmp_path / "new", trusted)
    await new.put(new.below, model=sealed)
    assert await new.given() == (b"lessons",)
    await new.put(new.store, model=b"more lessons")
    assert await new.given() == (None,)  # nobody has been told of the new key yet
    (trusted / "new.pub").write_bytes(public_of(new.key).read_bytes())
    assert await new.given() == (b"more lessons",)
    (trusted / "old.pub").unlink()
    own = Scene(tmp_path / "new")
    await own.put(own.below, model=sealed)
    assert await own.given() == (None,)  # without a path only its own key is trusted


async def test_who_has_no_keys_reads_what_others_signed_and_stores_as_it_is(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    await scene.put(scene.store, model=b"lessons")
    without = SealingStore(scene.below, None, None, scene.refused)
    assert (await without.load(PLACE, ["model"])).values == (b"lessons",)
    await scene.put(without, model=b"more lessons")
    assert await scene.held() == b"more lessons"
    assert (await without.load(PLACE, ["model"])).values == (b"more lessons",)
    assert await scene.given() == (None,)  # it was not signed


async def test_what_reviewers_taught_is_read_by_a_person_also_where_it_is_signed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    taught = Learner(LearnerState())
    await scene.put(
        scene.store, Place("campaigns", 0), learner=CampaignsStage(DEFAULT_POLICY).encode("learner", taught)
    )
    assert (await learner_of(scene.below)).state == taught.state
