"""Campaigns: how many are limited, how many accounts that is, and what people say of it. Who they are, alerts say."""

from typing import Final

from agents.panels.shape import Dashboard, Panel, Query, Step

CAMPAIGNS: Final = Dashboard(
    uid="stillwatch-campaigns",
    title="Stillwatch: campaigns",
    says="How many campaigns are limited, how many accounts is that, and what do people say of it?",
    panels=(
        Panel(
            title="Campaigns limited now",
            says="How many campaigns are under each action at this moment.",
            queries=(Query("max by (action) (stillwatch_active_campaigns)", "{{action}}"),),
            is_figure=True,
            then="The alert of each campaign names it; `stillwatch explain c-...` says why and what would let it go.",
            runbook="StillwatchCampaign",
        ),
        Panel(
            title="Accounts in them",
            says="How many accounts those campaigns have: the blast radius of what is in force.",
            queries=(Query("max by (action) (stillwatch_active_campaign_accounts)", "{{action}}"),),
            is_figure=True,
            then="`stillwatch state c-...` lists the members; `stillwatch release ACCOUNT` lets an innocent one go.",
        ),
        Panel(
            title="Held back by the cap in an hour",
            says="How many decisions the cap on accounts an hour held back, so that one mistake cannot hit everybody.",
            queries=(Query("sum(increase(stillwatch_withheld_decisions_total[1h]))", "held back"),),
            is_figure=True,
            base="good",
            steps=(Step(1, "warn"),),
            then="Explain a few of them: if they are right, raise [blast_radius] in the policy; else release them.",
            runbook="StillwatchDecisionsWithheld",
        ),
        Panel(
            title="Decision to alert, p99",
            says="How long it takes until a decision about a campaign is an alert in Alertmanager.",
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (le)"
                    " (rate(stillwatch_notifier_append_to_alert_seconds_bucket[6h])))",
                    "p99",
                ),
            ),
            unit="seconds",
            is_figure=True,
            base="good",
            steps=(Step(30, "warn"), Step(300, "bad")),
            then="The notifier's log says which Alertmanager does not answer.",
            runbook="StillwatchNotifierNotDelivering",
        ),
        Panel(
            title="Decisions about campaigns in an hour",
            says="How often campaigns came under an action, a harder one, or were let go in the last hour.",
            queries=(
                Query(
                    "sum by (action)"
                    ' (increase(stillwatch_decisions_total{subject_kind="campaign",shadow="false"}[1h]))',
                    "{{action}}",
                ),
            ),
            then="`stillwatch explain c-...` shows a campaign's decisions one by one, each with its evidence.",
            runbook="StillwatchDecisionSpike",
        ),
        Panel(
            title="Accounts named as members in an hour",
            says="How many accounts decisions named as members of a campaign; in shadow nobody enforces it.",
            queries=(
                Query('sum(increase(stillwatch_named_members_total{shadow="false"}[1h]))', "in force"),
                Query('sum(increase(stillwatch_named_members_total{shadow="true"}[1h]))', "in shadow"),
            ),
            then="A sudden rise is one large campaign or a new one: its alert says how large it is and what ties it.",
        ),
        Panel(
            title="Templates decided about in an hour",
            says="How often templates of a campaign were limited, which stops a new account at its first request.",
            queries=(
                Query(
                    'sum by (action) (increase(stillwatch_decisions_total{subject_kind="network",shadow="false"}[1h]))',
                    "{{action}}",
                ),
            ),
            then="`stillwatch explain template:HASH` says of which campaign it is.",
        ),
        Panel(
            title="Accounts decided about by themselves in an hour",
            says="How often an account was decided about for what it does alone, without any campaign.",
            queries=(
                Query(
                    'sum by (action) (increase(stillwatch_decisions_total{subject_kind="account",shadow="false"}[1h]))',
                    "{{action}}",
                ),
            ),
            then="`stillwatch explain ACCOUNT` says why, and the smallest evidence without which it would be milder.",
        ),
        Panel(
            title="Decisions in shadow in an hour",
            says="What would have been done in the last hour if shadow were lifted.",
            queries=(Query('sum by (action) (increase(stillwatch_decisions_total{shadow="true"}[1h]))', "{{action}}"),),
            then="Before you lift it: `stillwatch replay` last week's log, and `stillwatch evaluate` says whom.",
        ),
        Panel(
            title="Alerts for on-call in an hour",
            says="How many alerts about campaigns went to the topic of alerts: large ones, and those that grew.",
            queries=(Query("sum by (action) (increase(stillwatch_alerts_total[1h]))", "{{action}}"),),
            then="Alertmanager shows one alert a campaign, with the command that explains it.",
        ),
        Panel(
            title="Rounds to Alertmanager in an hour",
            says="Whether each Alertmanager takes the alerts about campaigns.",
            queries=(
                Query(
                    "sum by (alertmanager, outcome) (increase(stillwatch_notifier_deliveries_total[1h]))",
                    "{{alertmanager}} {{outcome}}",
                ),
            ),
            then="Refused or failed: the notifier's log has a sentence for each.",
            runbook="StillwatchNotifierNotDelivering",
        ),
        Panel(
            title="What reviewers said in a day",
            says="How many verdicts of reviewers were taken, and how many met no campaign.",
            queries=(
                Query(
                    "sum by (verdict, subject_kind) (increase(stillwatch_verdicts_total[1d]))",
                    "{{subject_kind}} {{verdict}}",
                ),
                Query("sum(increase(stillwatch_unmet_verdicts_total[1d]))", "met no campaign"),
            ),
            then="Many innocent: explain some of them, and look at which signal they have in common.",
        ),
    ),
)
