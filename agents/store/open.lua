-- Take one place over: the commits of whoever opened it before are refused from now on.
-- KEYS: owner, offset, log, outbox. ARGV: the token of the new owner.
-- Answers {offset, log, outbox}, '-1' and '' where there is none.
local offset = redis.call('GET', KEYS[2]) or '-1'
local log = redis.call('GET', KEYS[3]) or ''
local outbox = redis.call('GET', KEYS[4]) or ''
redis.call('SET', KEYS[1], ARGV[1])
return {offset, log, outbox}
