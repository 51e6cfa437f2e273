"""The stages, and the order an event passes them in.

    requests -> observe -> links -> networks -> findings -> campaigns -> enforcement, alerts
                   |                                      ^
    feedback ------+--------------- verdicts -------------+
                   |
                   +-> enforcement (decisions about one account)

A stage is a fold: it takes the items of one partition in the order of the log and the states they need, changes the
states, and says what leaves. It does no I/O and knows no clock. The worker runs each stage behind its topic, `replay`
runs them one after the other in one process; both call `agents.advance`, so there is one path.
"""

from streams.links import Source
from streams.stages.campaigns import CampaignsStage
from streams.stages.networks import NetworksStage
from streams.stages.observe import ObserveStage
from streams.stages.shape import Outgoing, Output, Stage, Topic

__all__ = ["CampaignsStage", "NetworksStage", "ObserveStage", "Outgoing", "Output", "Source", "Stage", "Topic"]
