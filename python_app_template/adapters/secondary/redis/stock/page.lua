-- order: oldest, after, before (or false), limit, backward.
-- Answers {"", {sku, ...}, {hash, ...}, has_previous, has_next}, or {why not}.
local generation, skus = current()
if not generation then
  return cmsgpack.pack({skus})
end
local key = names(generation)
if redis.call('ZCARD', key) ~= skus then
  return cmsgpack.pack({'torn'})
end
local low = order.after and '(' .. order.after or '-'
local high = order.before and '(' .. order.before or '+'
local found
if order.backward then
  local last = redis.call('ZREVRANGEBYLEX', key, high, low, 'LIMIT', 0, order.limit)
  found = {}
  for i = #last, 1, -1 do
    found[#found + 1] = last[i]
  end
else
  found = redis.call('ZRANGEBYLEX', key, low, high, 'LIMIT', 0, order.limit)
end
local rows = shown(generation, found)
if not rows then
  return cmsgpack.pack({'torn'})
end

local function any(from, to)
  return #redis.call('ZRANGEBYLEX', key, from, to, 'LIMIT', 0, 1) > 0
end
local before_it, behind_it
if #found > 0 then
  before_it, behind_it = any('-', '(' .. found[1]), any('(' .. found[#found], '+')
elseif order.backward then
  before_it = order.before and any('-', '(' .. order.before) or not order.before and skus > 0
  behind_it = order.before and any('[' .. order.before, '+') or false
else
  before_it = order.after and any('-', '[' .. order.after) or false
  behind_it = order.after and any('(' .. order.after, '+') or not order.after and skus > 0
end
return cmsgpack.pack({'', found, rows, before_it, behind_it})
