"""Copies of the logs that everything follows from, the requests and the feedback: to other topics, or to files.

A copy keeps what decides what follows: the order in which the log took the records, the time at which it did (event
times are clamped to it, verdicts wait for it), keys, values and headers. The partition follows from the key, so it may
have another number of partitions. What stages make of the logs (links, findings, decisions) is not copied: a worker
under the prefix of the copy makes it again.
"""
