-- Move one place on: its offset, its outbox and its states, all or nothing, if the offset is the expected one.
-- KEYS: offset, outbox, then one a state. ARGV: expected offset, new offset, outbox, seconds to keep, then the states.
-- Answers {1, new offset} or, having written nothing, {0, actual offset}.
local actual = redis.call('GET', KEYS[1]) or '-1'
if actual ~= ARGV[1] then
  return {0, tonumber(actual)}
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
for index = 3, #KEYS do
  redis.call('SET', KEYS[index], ARGV[index + 2], 'EX', ARGV[4])
end
return {1, tonumber(ARGV[2])}
