"""The judge: decisions held against the truth about the accounts. It knows decisions, never how they were made."""

from streams.evaluation.enforcing import Enforcing
from streams.evaluation.judge import Judge
from streams.evaluation.results import Calibration, CampaignResult, ClassResult, Evaluation

__all__ = ["Calibration", "CampaignResult", "ClassResult", "Enforcing", "Evaluation", "Judge"]
