-- Take the first of some offers that fits out of what the limits of one subject leave (see streams.enforcement.gcra).
-- KEYS: the bucket. ARGV: window in microseconds, limit of requests, limit of tokens, how many offers are leases, then
-- fours of numbers: what was admitted unasked, and the offers, leases first. A lease must leave as much as it takes;
-- the last offer is for one request, which may be larger than the whole limit.
-- A four is two uses, of requests and of tokens: whole microseconds of draining, and a rest in parts of the limit. So
-- all is exact and below 2^53. Answers which offer was taken (0: none), and what is used now, as a four.
local window = tonumber(ARGV[1])
local limits = {tonumber(ARGV[2]), tonumber(ARGV[3])}
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function four(at)
  return {tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])}
end

-- One use (requests: part 1, tokens: part 3) and another.
local function sum(use, more, part, limit)
  local whole, rest = use[part] + more[part], use[part + 1] + more[part + 1]
  if rest >= limit then
    return whole + 1, rest - limit
  end
  return whole, rest
end

local function fits(use, offer, is_lease, is_last)
  for index, limit in ipairs(limits) do
    local part = 2 * index - 1
    local whole, rest = sum(use, offer, part, limit)
    if is_lease then
      whole, rest = sum({[part] = whole, [part + 1] = rest}, offer, part, limit)
    end
    local is_within = whole < window or (whole == window and rest == 0)
    local is_alone = is_last and offer[part] >= window and use[part] + use[part + 1] == 0
    if not (is_within or is_alone) then
      return false
    end
  end
  return true
end

local used = {0, 0, 0, 0}
local state = redis.call('GET', KEYS[1])
local at = now
if state then
  local numbers = {}
  for number in string.gmatch(state, '%d+') do
    numbers[#numbers + 1] = tonumber(number)
  end
  at = numbers[1]
  local past = math.max(0, now - at)
  for part = 1, 3, 2 do
    if numbers[part + 1] >= past then
      used[part], used[part + 1] = numbers[part + 1] - past, numbers[part + 2]
    end
  end
end

local unasked = four(5)
local is_owed = unasked[1] + unasked[2] + unasked[3] + unasked[4] > 0
if is_owed then
  for index, limit in ipairs(limits) do
    local part = 2 * index - 1
    local whole, rest = sum(used, unasked, part, limit)
    if whole >= window then  -- what was admitted keeps nobody waiting for longer than a window
      whole, rest = window, 0
    end
    if whole >= used[part] then
      used[part], used[part + 1] = whole, rest
    end
  end
end

local taken = 0
local leases = tonumber(ARGV[4])
local last = (#ARGV - 8) / 4
for index = 1, last do
  local offer = four(5 + 4 * index)
  if fits(used, offer, index <= leases, index == last) then
    local requests, requests_rest = sum(used, offer, 1, limits[1])
    local tokens, tokens_rest = sum(used, offer, 3, limits[2])
    used = {requests, requests_rest, tokens, tokens_rest}
    taken = index
    break
  end
end

if taken > 0 or is_owed or now < at then
  local longest = math.max(used[1], used[3]) + 1
  local text = string.format('%.0f %.0f %.0f %.0f %.0f', now, used[1], used[2], used[3], used[4])
  redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', math.ceil(longest / 1000)))
end
return {taken, used[1], used[2], used[3], used[4]}
