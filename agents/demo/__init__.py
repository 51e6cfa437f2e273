"""The demonstration: real servers, a real worker, simulated traffic, and what becomes of it, for a person to watch.

`run` brings everything up and down again, `children` are the two processes it starts beside the servers, `feed` is the
one that makes the traffic, `watch` collects what can be seen from outside, `ledger` holds it against the truth, and
`view` says it, on a terminal or in plain lines.
"""
