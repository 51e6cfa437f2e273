"""The overview: is it at work, is it in time, and whom does it limit."""

from typing import Final

from agents.panels.pipeline import DEAD_LETTERS, STANDING_STILL
from agents.panels.shape import Dashboard, Panel, Query, Step

OVERVIEW: Final = Dashboard(
    uid="stillwatch-overview",
    title="Stillwatch: overview",
    says="Is it at work, is it in time, and whom does it limit?",
    panels=(
        Panel(
            title="Processes that do not answer",
            says="How many workers, enforcers and notifiers Prometheus knows and cannot reach.",
            queries=(Query('count(up{job=~"stillwatch-.+"} == 0) or vector(0)', "away"),),
            is_figure=True,
            base="good",
            steps=(Step(1, "bad"),),
            then="The targets page of Prometheus names them; their own logs say why they ended.",
            runbook="StillwatchWorkerDown",
        ),
        Panel(
            title="Alerts that fire",
            says="How many alerts about Stillwatch itself fire now, without the dead man's switch.",
            queries=(
                Query(
                    'count(ALERTS{alertname=~"Stillwatch.+",alertstate="firing",severity!="none"}) or vector(0)',
                    "firing",
                ),
            ),
            is_figure=True,
            base="good",
            steps=(Step(1, "warn"),),
            then="Each alert links to its runbook.",
        ),
        STANDING_STILL,
        Panel(
            title="Append to decision, p99",
            says="How long the slowest decision in a hundred took in a quarter of an hour; the aim is one second.",
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (le) (rate(stillwatch_append_to_decision_seconds_bucket[15m])))",
                    "p99",
                ),
            ),
            unit="seconds",
            is_figure=True,
            base="good",
            steps=(Step(0.5, "warn"), Step(1, "bad")),
            then="The dashboard of the pipeline shows which stage, or whether Redis, takes the time.",
            runbook="StillwatchDecisionLatencyBurn",
        ),
        Panel(
            title="Campaigns limited now",
            says="How many campaigns are throttled, challenged or suspended at this moment.",
            queries=(Query("sum(max by (action) (stillwatch_active_campaigns))", "campaigns"),),
            is_figure=True,
            then="The alert of each campaign names it; `stillwatch explain c-...` says why and what would let it go.",
            runbook="StillwatchCampaign",
        ),
        Panel(
            title="Requests refused",
            says="What share of the requests that gateways asked about were not let through.",
            queries=(
                Query(
                    'sum(rate(stillwatch_checks_total{answer!="pass"}[15m])) / sum(rate(stillwatch_checks_total[15m]))',
                    "refused",
                ),
            ),
            unit="share",
            is_figure=True,
            then="The dashboard of enforcement shows by which kind of decision.",
        ),
        Panel(
            title="Requests",
            says="How many requests a second are read from Kafka, and how many gateways ask about.",
            queries=(
                Query('sum(rate(stillwatch_events_read_total{stage="observe"}[$__rate_interval]))', "read"),
                Query("sum(rate(stillwatch_checks_total[$__rate_interval]))", "asked about"),
            ),
            unit="per_second",
            then="If gateways ask and nothing is read, `stillwatch ingest` is behind or away: `stillwatch doctor`.",
        ),
        Panel(
            title="Append to decision",
            says="How long it takes from a request's append to the log until the decision it led to is on the topic.",
            queries=(
                Query(
                    "histogram_quantile(0.5, sum by (le)"
                    " (rate(stillwatch_append_to_decision_seconds_bucket[$__rate_interval])))",
                    "p50",
                ),
                Query(
                    "histogram_quantile(0.99, sum by (le)"
                    " (rate(stillwatch_append_to_decision_seconds_bucket[$__rate_interval])))",
                    "p99",
                ),
            ),
            unit="seconds",
            steps=(Step(1, "bad"),),
            then="The dashboard of the pipeline shows which stage, or whether Redis, takes the time.",
            runbook="StillwatchDecisionLatencyBurn",
        ),
        Panel(
            title="Records left to process",
            says="How far the worker is behind each topic.",
            queries=(Query("sum by (topic) (stillwatch_lag_records)", "{{topic}}"),),
            then="If it grows: the pipeline's dashboard says how long catching up takes; add workers.",
            runbook="StillwatchFreshnessBurn",
        ),
        Panel(
            title="Decisions in an hour",
            says="What was decided in the last hour, of accounts, campaigns and templates together.",
            queries=(
                Query('sum by (action) (increase(stillwatch_decisions_total{shadow="false"}[1h]))', "{{action}}"),
            ),
            then="`stillwatch explain SUBJECT` says why; the dashboard of campaigns says how many accounts.",
            runbook="StillwatchDecisionSpike",
        ),
        Panel(
            title="Answers to gateways",
            says="What becomes of the requests that gateways ask about.",
            queries=(Query("sum by (answer) (rate(stillwatch_checks_total[$__rate_interval]))", "{{answer}}"),),
            unit="per_second",
            then="`stillwatch explain ACCOUNT` says what is in force about an account, and until when.",
        ),
        DEAD_LETTERS,
    ),
)
