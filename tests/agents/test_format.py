"""A stored state that changes grows the format, so that a worker of before refuses it and does not drop what is new."""

import hashlib
import re

import msgspec

from agents.store import FORMAT, OLDEST_FORMAT
from streams import kernel, sketches
from streams.accounts import Profile
from tests.integration.stored_states import stages_of

SHAPES = {
    1: "2fbf0b1c652f330031adf7c1b3e933c4c0770e2c360a419c250dc0ce9a8da218",
    2: "af4fa0e820cab96bb078b43f4a1a2a5f93fc920a613342d6654f440e3369f9fe",
    3: "34d7f084e2753f5d0bbdc3363cfee0baac9478ef3d3f6edde4e6d2ea9a413054",
    4: "045dfc09f757987b8260124391f9732303add46f8ef2807bb41a28fc2c3bf29d",
    5: "c5c3f7e7502b6d1deaffd975fe8a9d50e2193de249ded2aa49cad1734d9f709b",
    6: "eb17f3f2c5ba765c2652d97e350306ec5410a648d29382e03dcdeb8142afc016",
    7: "dd3540eae8252893c48c054a60fc629cc530e59d3517ae4a8b98e1b4ac0df308",
    8: "a6b72cb67791b71e4f6f17391d43039c558f246cb68a099d42aa311352d48548",
    9: "6203b6e57e06b29a6fbdedb8ff73fac3e80e10f02c7218b8d5506a6373cd3829",
    10: "582a8e2fdc3f6876d0b42f65f07741f848b7427e4066526047525d813bd66675",
}
"""Of each format: a digest of everything that is stored. Add one for a new format, and change none."""


def shape() -> str:
    """What the stages store, field by field, and the versions of what is packed by hand."""
    stored = [Profile, sketches.Line]
    for stage in stages_of(1).values():
        stored += [decoder.type for _, decoder in sorted(vars(stage)["_decoders"].items())]
    infos = [re.sub(r" at 0x[0-9a-f]+", "", repr(it)) for it in msgspec.inspect.multi_type_info(stored)]
    return hashlib.sha256("\n".join([*infos, str(kernel.VERSION), str(kernel.LINK_VERSION)]).encode()).hexdigest()


def test_what_is_stored_is_what_its_format_says() -> None:
    assert shape() == SHAPES[FORMAT], "a stored state changed: grow FORMAT, and add its digest here"


def test_the_format_that_is_written_can_be_read() -> None:
    assert OLDEST_FORMAT <= FORMAT == max(SHAPES)
