-- Append records of decisions to the mirror, each once, and drop from it what they take the place of.
-- KEYS: the stream; the next offset of each log and partition; of each subject its newest record.
-- ARGV: the life that the writer knows; how many records; of each: log/partition, offset, subject, sequence, "1" if it must be kept for its members,
-- key, value, key id, signature, when the log took it, when it was decided.
-- Answers, of each log/partition named, the offset that is expected next; nothing where Redis lives another life.
if redis.call('HGET', KEYS[2], 'life') ~= ARGV[1] then return false end
local expected = {}
local at = 3
for _ = 1, tonumber(ARGV[2]) do
  local place, offset = ARGV[at], tonumber(ARGV[at + 1])
  local next_offset = expected[place] or tonumber(redis.call('HGET', KEYS[2], place) or '0')
  if offset >= next_offset then
    local subject, sequence, kept = ARGV[at + 2], tonumber(ARGV[at + 3]), ARGV[at + 4]
    local before = redis.call('HGET', KEYS[3], subject)
    local newest, id, droppable, decided = 0, nil, nil, nil
    if before then
      newest, id, droppable, decided = string.match(before, '^(%d+) (%S+) (%d) (%d+)$')
      newest = tonumber(newest) or 0
      -- So much later it counts whatever its sequence, so much older never (streams.enforcement.in_force.ANEW_MS).
      local later = decided and sequence > 0 and tonumber(ARGV[at + 10]) - tonumber(decided) or 0
      if later >= 86400000 then newest = 0 elseif later <= -86400000 then newest = math.huge end
    end
    if sequence > newest or kept == '1' then
      local added = redis.call('XADD', KEYS[1], '*', 'key', ARGV[at + 5], 'value', ARGV[at + 6],
        'key_id', ARGV[at + 7], 'signature', ARGV[at + 8], 'appended_at_ms', ARGV[at + 9])
      if sequence > newest then
        if id and droppable == '1' then redis.call('XDEL', KEYS[1], id) end
        redis.call('HSET', KEYS[3], subject, ARGV[at + 3] .. ' ' .. added .. ' ' .. (kept == '1' and '0' or '1') .. ' ' .. ARGV[at + 10])
      end
    end
    expected[place] = offset + 1
    redis.call('HSET', KEYS[2], place, offset + 1)
  else
    expected[place] = next_offset
  end
  at = at + 11
end
local answer = {}
for place, next_offset in pairs(expected) do
  answer[#answer + 1] = place
  answer[#answer + 1] = next_offset
end
return answer
