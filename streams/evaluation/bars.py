"""The bars an evaluation is held against, and what falls short of them."""

from collections.abc import Iterator

from msgspec import Struct

from streams.evaluation.results import CampaignResult, Evaluation

FEW_EXCHANGES = 5
"""Up to so many exchanges an account the milder bar for leakage holds."""

MILLION = 1_000_000


class Bar(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for. Leakage is a share of exchanges; harm is in accounts per million innocent ones."""

    leakage: float = 0.01
    leakage_of_few: float = 0.05
    suspended: float = 10.0
    limited: float = 200.0

    def leakage_for(self, campaign: CampaignResult) -> float:
        """The bar that holds for this campaign."""
        few = campaign.exchanges <= FEW_EXCHANGES * campaign.accounts
        return self.leakage_of_few if few else self.leakage

    def shortfalls(self, found: Evaluation) -> Iterator[str]:
        """A sentence for each that is missed."""
        for campaign in found.campaigns:
            bar = self.leakage_for(campaign)
            if campaign.leakage > bar:
                yield f"{campaign.campaign_id} leaked {campaign.leakage:.1%} of its exchanges; the bar is {bar:.1%}."
        everybody = found.innocents[-1]
        for what, harmed, bar in (
            ("suspended", everybody.suspended, self.suspended),
            ("limited", everybody.limited, self.limited),
        ):
            if harmed.share * MILLION > bar:
                yield (
                    f"{harmed.count:,} of {harmed.of:,} innocent accounts were {what}, {harmed.share * MILLION:,.0f} "
                    f"per million; the bar is {bar:,.0f}."
                )
