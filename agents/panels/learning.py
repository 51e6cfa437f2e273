"""Learning: what the anomaly model is taught and kept from, and how right the model of campaigns is."""

from typing import Final

from agents.panels.shape import Dashboard, Panel, Query, Step, counted

LEARNING: Final = Dashboard(
    uid="stillwatch-learning",
    title="Stillwatch: learning",
    says="Is the anomaly model taught, by whom is it not, and do reviewers agree with what is decided?",
    panels=(
        Panel(
            title="Since a window last taught",
            says="How old the newest lesson of the anomaly model is; without traffic it grows, and that is no harm.",
            queries=(Query("time() - max by (stage) (stillwatch_learned_timestamp_seconds)", "{{stage}}"),),
            unit="seconds",
            is_figure=True,
            base="good",
            steps=(Step(3_600, "warn"), Step(21_600, "bad")),
            then="If there is traffic, the gate refuses every window: see why below.",
        ),
        Panel(
            title="Kept away as strange",
            says="What share of the windows that might have taught in the last hour the gate found too strange.",
            queries=(
                Query(
                    'sum by (stage) (increase(stillwatch_learning_refusals_total{reason="strange"}[1h]))'
                    " / clamp_min(sum by (stage) (increase(stillwatch_learned_windows_total[1h]))"
                    ' + sum by (stage) (increase(stillwatch_learning_refusals_total{reason="strange"}[1h])), 1)',
                    "{{stage}}",
                ),
            ),
            unit="share",
            is_figure=True,
            base="good",
            steps=(Step(0.1, "warn"), Step(0.5, "bad")),
            then="Either an attack, or traffic that has changed for good: a release, a new schema, a new customer.",
            runbook="StillwatchLearningGate",
        ),
        Panel(
            title="Reviewers agreed in a week",
            says="What share of the verdicts about campaigns and their members of the last week confirmed them.",
            queries=(
                Query(
                    'sum(increase(stillwatch_verdicts_total{verdict="confirmed"}[7d]))'
                    " / sum(increase(stillwatch_verdicts_total[7d]))",
                    "confirmed",
                ),
            ),
            unit="share",
            is_figure=True,
            then="Few: `stillwatch evaluate --compare` shows whom another policy would limit instead.",
        ),
        Panel(
            title="Models without a good signature in a day",
            says="How many models Redis held that no key of ours signed; each begins anew and learns again.",
            queries=(Query(counted("stillwatch_refused_models_total", "1d", by="stage"), "{{stage}}"),),
            is_figure=True,
            base="good",
            steps=(Step(1, "bad"),),
            then="A signing key that changed; if none did, somebody else writes in Redis: see deploy/threat-model.md.",
            runbook="StillwatchModelsRefused",
        ),
        Panel(
            title="Windows that taught",
            says="How many windows a second teach the anomaly model.",
            queries=(Query("sum by (stage) (rate(stillwatch_learned_windows_total[$__rate_interval]))", "{{stage}}"),),
            unit="per_second",
            then="Nothing for long under traffic: the next panel says why.",
        ),
        Panel(
            title="Windows that the gate kept away",
            says="Why windows may not teach: limited, strange, no number, too many alike, or it taught just before.",
            queries=(
                Query("sum by (reason) (rate(stillwatch_learning_refusals_total[$__rate_interval]))", "{{reason}}"),
            ),
            unit="per_second",
            then="A window that is not_finite is a bug or a broken field; taught_recently is as it should be.",
            runbook="StillwatchLearningGate",
        ),
        Panel(
            title="Lessons of the model of campaigns in a day",
            says="Whether it had said before what the reviewer then said; while warming up it says nothing.",
            queries=(Query("sum by (outcome) (increase(stillwatch_lessons_total[1d]))", "{{outcome}}"),),
            then='Mostly wrong: leave [feedback] model = "shadow". `stillwatch state c-...` shows what it says of one.',
        ),
        Panel(
            title="How wrong it was before each lesson",
            says="Its mean log loss in a day; a coin has 0.69, and a model that decides something must do better.",
            queries=(
                Query(
                    "sum(increase(stillwatch_lesson_loss_sum[1d])) / sum(increase(stillwatch_lesson_loss_count[1d]))",
                    "loss",
                ),
            ),
            unit="nats",
            base="good",
            steps=(Step(0.69, "bad"),),
            then='Above a coin: [feedback] model must not be "on".',
        ),
        Panel(
            title="How likely a reviewer would confirm",
            says="What the model says of the campaigns that are decided about: the half, and the worst tenth.",
            queries=(
                Query(
                    "histogram_quantile(0.5, sum by (le) (increase(stillwatch_campaign_probability_bucket[1d])))",
                    "half of them are below",
                ),
                Query(
                    "histogram_quantile(0.1, sum by (le) (increase(stillwatch_campaign_probability_bucket[1d])))",
                    "a tenth is below",
                ),
            ),
            unit="share",
            then="Below a half a reviewer should look soon: `stillwatch explain c-...` for the newest alerts.",
        ),
        Panel(
            title="What requests have",
            says="What share of the requests has a field, fails, is refused or opens a conversation.",
            queries=(Query("avg by (measure) (stillwatch_traffic_share_ratio)", "{{measure}}"),),
            unit="share",
            then="A share that falls to nothing: a gateway no longer sends that field, and evidence is missing.",
        ),
        Panel(
            title="Traffic that has changed in a day",
            says="How often such a share has moved for good, by more than a tenth.",
            queries=(Query("sum by (measure) (increase(stillwatch_drifts_total[1d]))", "{{measure}}"),),
            steps=(Step(1, "warn"),),
            then="Ask whoever runs the gateways what they changed then; the worker's log names the share.",
            runbook="StillwatchTrafficDrift",
        ),
    ),
)
