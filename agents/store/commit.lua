-- Move one place on: its offset, log, outbox and states, all or nothing, if it is the writer's and stands where expected.
-- KEYS: owner, offset, log, outbox, then one a state, those that are written anew first.
-- ARGV: owner, expected offset, new offset, log, outbox, seconds to keep, how many states are written anew, the states.
-- Answers {'applied', new offset} or, having written nothing, {'refused' | 'duplicate' | 'gap', actual offset}.
local actual = redis.call('GET', KEYS[2]) or '-1'
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'refused', actual}
end
if actual ~= ARGV[2] then
  return {tonumber(actual) > tonumber(ARGV[2]) and 'duplicate' or 'gap', actual}
end
-- The first write decides for all: at its maxmemory Redis refuses this one, and none after it.
redis.call('SET', KEYS[2], ARGV[3])
redis.call('SET', KEYS[3], ARGV[4])
redis.call('SET', KEYS[4], ARGV[5])
local last = 4 + tonumber(ARGV[7])
for index = 5, last do
  -- What is empty is nothing: it goes within a second, without a right to delete.
  redis.call('SETEX', KEYS[index], ARGV[index + 3] == '' and 1 or ARGV[6], ARGV[index + 3])
end
for index = last + 1, #KEYS do
  redis.call('APPEND', KEYS[index], ARGV[index + 3])
  redis.call('EXPIRE', KEYS[index], ARGV[6])
end
return {'applied', ARGV[3]}
