"""The health of the pipeline: is everything read, in time and once, and what do Kafka and Redis do."""

from typing import Final

from agents.panels.shape import Dashboard, Panel, Query, Step, counted

STANDING_STILL: Final = Panel(
    title="Partitions that stand still",
    says="How many partitions have had records left for a minute and have not moved.",
    queries=(Query("sum(stillwatch_stalled_partitions)", "still"),),
    is_figure=True,
    base="good",
    steps=(Step(1, "bad"),),
    then="/healthz of the worker names each partition and its offset; its log says what it waits for.",
    runbook="StillwatchNoProgress",
)

DEAD_LETTERS: Final = Panel(
    title="Dead letters in an hour",
    says="How many records could not be read in the last hour, by reason.",
    queries=(Query("sum by (reason) (increase(stillwatch_dead_letters_total[1h]))", "{{reason}}"),),
    steps=(Step(1, "warn"),),
    then="The records lie in the dead-letter topic with a sentence in their headers.",
    runbook="StillwatchDeadLetters",
)

PIPELINE: Final = Dashboard(
    uid="stillwatch-pipeline",
    title="Stillwatch: pipeline",
    says="Is everything read, in time and once, and how are Kafka and Redis?",
    panels=(
        Panel(
            title="Workers ready",
            says="How many workers can work; one that cannot waits with what it has in hand and loses nothing.",
            queries=(Query("sum(stillwatch_worker_ready) or vector(0)", "ready"),),
            is_figure=True,
            base="bad",
            steps=(Step(1, "good"),),
            then="/readyz of a worker says in a sentence why it is not.",
            runbook="StillwatchNoWorker",
        ),
        STANDING_STILL,
        Panel(
            title="Time to catch up",
            says="How long the worker needs for the requests that are left, at the speed of the last minutes.",
            queries=(
                Query(
                    'sum(stillwatch_lag_records{topic=~".*requests"})'
                    ' / clamp_min(sum(rate(stillwatch_events_read_total{stage="observe"}[5m])), 1)',
                    "left",
                ),
            ),
            unit="seconds",
            is_figure=True,
            base="good",
            steps=(Step(60, "warn"), Step(900, "bad")),
            then="If it does not shrink, start more processes or workers: as many as there are partitions help.",
            runbook="StillwatchFreshnessBurn",
        ),
        Panel(
            title="Decisions within a second",
            says="What share of the decisions of the last hour was on the topic a second after the request's append.",
            queries=(
                Query(
                    'sum(increase(stillwatch_append_to_decision_seconds_bucket{le="1.0"}[1h]))'
                    " / sum(increase(stillwatch_append_to_decision_seconds_count[1h]))",
                    "in time",
                ),
            ),
            unit="share",
            is_figure=True,
            base="bad",
            steps=(Step(0.95, "warn"), Step(0.99, "good")),
            then="Lag makes decisions late first; then look at the seconds of a batch, and of Redis.",
            runbook="StillwatchDecisionLatencyBurn",
        ),
        Panel(
            title="Partitions rebuilt in a day",
            says="How many partitions were made again from the log, because Redis had lost or older states.",
            queries=(Query(counted("stillwatch_rebuilt_partitions_total", "1d"), "rebuilt"),),
            is_figure=True,
            base="good",
            steps=(Step(1, "warn"),),
            then="It heals by itself; find out why Redis forgot: its persistence, its memory, or a failover.",
            runbook="StillwatchPartitionsRebuilt",
        ),
        Panel(
            title="Records lost to retention in a day",
            says="How many records Kafka had removed before they were read.",
            queries=(Query(counted("stillwatch_removed_records_total", "1d"), "removed"),),
            is_figure=True,
            base="good",
            steps=(Step(1, "bad"),),
            then="Lag was longer than the topic's retention: raise retention.ms, and add workers.",
            runbook="StillwatchRecordsRemoved",
        ),
        Panel(
            title="Records read",
            says="How many records a second each stage reads.",
            queries=(Query("sum by (stage) (rate(stillwatch_events_read_total[$__rate_interval]))", "{{stage}}"),),
            unit="per_second",
            then="If observe is quiet and Kafka is not, no worker has the partitions: see their logs.",
        ),
        Panel(
            title="Records left, worst partitions",
            says="Which five partitions are furthest behind.",
            queries=(Query("topk(5, max by (topic, partition) (stillwatch_lag_records))", "{{topic}} {{partition}}"),),
            then="One alone: a key with very much traffic, or a worker that is slow. All: too few workers, or Redis.",
            runbook="StillwatchPartitionUnattended",
        ),
        Panel(
            title="Seconds of a batch, p99",
            says="How long a stage takes for a batch, from taking it to its acknowledgement.",
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (le, stage)"
                    " (rate(stillwatch_batch_seconds_bucket[$__rate_interval])))",
                    "{{stage}}",
                ),
            ),
            unit="seconds",
            steps=(Step(1, "warn"),),
            then="Compare with the seconds of Redis: what is left is computing, and sending to Kafka.",
        ),
        Panel(
            title="Seconds of Redis, p99",
            says="How long one round trip to Redis takes.",
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (le, operation)"
                    " (rate(stillwatch_redis_seconds_bucket[$__rate_interval])))",
                    "{{operation}}",
                ),
            ),
            unit="seconds",
            steps=(Step(0.2, "warn"),),
            then="SLOWLOG and INFO of Redis; a fork for a snapshot, swapping, or a neighbour on its machine.",
            runbook="StillwatchRedisSlow",
        ),
        Panel(
            title="Answers of Redis",
            says="Whether steps were applied; a duplicate, a gap or a refusal is somebody who came late, and harmless.",
            queries=(
                Query("sum by (answer) (rate(stillwatch_redis_fence_answers_total[$__rate_interval]))", "{{answer}}"),
            ),
            unit="per_second",
            then="Refusals that go on: two workers take each other's partitions; look for rebalances in their logs.",
        ),
        Panel(
            title="Records that Kafka has yet to acknowledge",
            says="What is committed in Redis and waits to be produced.",
            queries=(Query("sum by (stage) (stillwatch_outbox_records)", "{{stage}}"),),
            then="If it stays above zero Kafka does not take records: the worker's log names the error.",
        ),
        DEAD_LETTERS,
        Panel(
            title="Records that came twice, late or early",
            says="How many records were known, came after a later one of their account or link, or are ahead of time.",
            queries=(
                Query("sum(increase(stillwatch_duplicates_total[1h]))", "twice"),
                Query("sum(increase(stillwatch_late_events_total[1h]))", "late"),
                Query("sum(increase(stillwatch_clamped_events_total[1h]))", "ahead of time"),
            ),
            then="Ahead of time: a gateway's clock is wrong. Late: an old log, or several gateways. Twice: no harm.",
        ),
        Panel(
            title="Windows held",
            says="Of how many accounts and of how many shared things the workers hold windows.",
            queries=(Query("sum by (stage) (stillwatch_windows_held)", "{{stage}}"),),
            then="`stillwatch plan` says how much memory Redis needs for so many accounts.",
        ),
        Panel(
            title="Memory",
            says="How much memory each process has.",
            queries=(Query('process_resident_memory_bytes{job=~"stillwatch-.+"}', "{{job}} {{instance}}"),),
            unit="bytes",
            then="It does not grow with lag; if it grows for days, tell us.",
        ),
        Panel(
            title="Cores in use",
            says="How busy each process is; Python runs on one core, so 1 is all that a worker's process has.",
            queries=(
                Query(
                    'rate(process_cpu_seconds_total{job=~"stillwatch-.+"}[$__rate_interval])', "{{job}} {{instance}}"
                ),
            ),
            then="Near 1 and lag grows: `stillwatch run --processes N`, or more workers.",
        ),
        Panel(
            title="Versions that run",
            says="How many processes run which version; two of them for longer than an upgrade are one too many.",
            queries=(Query("count by (version) (stillwatch_build_info)", "{{version}}"),),
            then="The orchestrator's rollout says which process was not replaced.",
        ),
    ),
)
