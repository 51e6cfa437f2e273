"""The links of a campaign that decisions do not tell of: what its accounts share, as Redis knows it."""

from msgspec import Struct

from agents.exporting.sharing import SharedKind
from streams.campaigns import Campaign


class StoredLink(Struct, frozen=True):
    """A link of a campaign as its last finding, at `as_of_ms`, describes it."""

    kind: SharedKind
    value: str
    as_of_ms: int
    sentences: tuple[str, ...]

    @property
    def name(self) -> str:
        """The link as one string."""
        return f"{self.kind}:{self.value}"


def links_of(campaign: Campaign) -> list[StoredLink]:
    """The payments that its accounts share, and the templates that are the campaign's own and not a crowd's."""
    links = []
    for name, evidence in sorted(campaign.links.items()):
        kind, _, value = name.partition(":")
        sentences = tuple(reason.sentence for reason in evidence.reasons)
        if kind == "payment":
            links.append(StoredLink("payment", value, evidence.as_of_ms, sentences))
        elif kind == "template" and evidence.is_theirs:
            links.append(StoredLink("template", value, evidence.as_of_ms, sentences))
    return links
