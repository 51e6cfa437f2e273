"""What is shown of a deployment: one table of panels, a file a dashboard, and what is made of it.

`DASHBOARDS` is the table. From it come the dashboards of Grafana (`grafana.py`; `python -m agents.panels` writes them
to deploy/grafana/dashboards) and the page of `stillwatch status` (`page.py`), so that both show the same.
"""

from typing import Final

from agents.panels.campaigns import CAMPAIGNS
from agents.panels.enforcement import ENFORCEMENT
from agents.panels.learning import LEARNING
from agents.panels.overview import OVERVIEW
from agents.panels.pipeline import PIPELINE
from agents.panels.shape import Dashboard

__all__ = ["DASHBOARDS"]

DASHBOARDS: Final[tuple[Dashboard, ...]] = (OVERVIEW, CAMPAIGNS, PIPELINE, LEARNING, ENFORCEMENT)
"""All dashboards, in the order in which on-call looks at them."""
