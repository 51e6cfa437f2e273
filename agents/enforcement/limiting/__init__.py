"""Rate limits of throttled subjects: one truth in Redis, asked in batches, and a local answer where it is not there.

`RedisLimiter` counts in Redis, by the generic cell rate algorithm (`streams.enforcement.gcra`), with the clock of
Redis, in one script a question. A gateway that is asked often leases several requests at once and hands them out by
itself. A lease is charged when it is made and lives for a second; what is not used of it is lost. So since the first
request no more is admitted, by all gateways together, than the limits leave in that time; and in any time t than they
leave in t and the life of a lease.

`LocalLimiter` counts in this process. It answers where Redis does not, or not in time, or where there is none.

Keys in Redis: `<prefix>:limit:<key>:<requests>:<tokens>:<window_ms>`, which expires when nothing is used any more. The
limits are in the name: when a decision changes them, counting begins anew.
"""

from agents.enforcement.limiting.counters import LimitCounters
from agents.enforcement.limiting.local import LocalLimiter
from agents.enforcement.limiting.shared import RedisLimiter, Timing

__all__ = ["LimitCounters", "LocalLimiter", "RedisLimiter", "Timing"]
