-- Take one place over: the commits of whoever opened it before are refused from now on.
-- KEYS: owner, offset, log, outbox, format. ARGV: the token of the new owner, the oldest format it reads, the one it writes.
-- Answers {offset, log, outbox, format}, '-1' and '' where there is none. One in another format is left as it is.
local offset = redis.call('GET', KEYS[2]) or '-1'
local log = redis.call('GET', KEYS[3]) or ''
local outbox = redis.call('GET', KEYS[4]) or ''
local format = redis.call('GET', KEYS[5]) or '1'
if tonumber(format) >= tonumber(ARGV[2]) and tonumber(format) <= tonumber(ARGV[3]) then
  redis.call('SET', KEYS[1], ARGV[1])
  redis.call('SET', KEYS[5], ARGV[3])
end
return {offset, log, outbox, format}
