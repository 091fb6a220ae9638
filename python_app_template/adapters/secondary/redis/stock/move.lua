-- order: generation, owner, lease (ms), topic_id, before, after (flat pairs of field and offset), age (ms, or -1),
--   changes: {sku, base or false, version, {field, value, ...}, {batch field, difference, ...}}
-- Answers {"moved"}, {"displaced", why}, or {"differ", {sku, version, ...}}. All is looked at before anything is written.
local generation = order.generation
local owns = redis.call('HGET', head, 'owner') == order.owner
if live() == generation then
  if not owns then
    return cmsgpack.pack({'displaced', 'another projector has it'})
  end
elseif tonumber(redis.call('HGET', registry(), generation) or 0) == 0 then
  return cmsgpack.pack({'displaced', 'another generation is read from, or none'})
end
if redis.call('HGET', at(generation), 'topic_id') ~= order.topic_id then
  return cmsgpack.pack({'displaced', 'its place is gone, or of another topic'})
end
for i = 1, #order.before, 2 do
  if redis.call('HGET', at(generation), order.before[i]) ~= order.before[i + 1] then
    return cmsgpack.pack({'displaced', 'it stands at another place'})
  end
end
redis.call('ZCARD', names(generation))
local differ = {}
for _, change in ipairs(order.changes) do
  local version = redis.call('HGET', stock(generation, change[1]), 'v') or '0'
  if change[2] and change[2] ~= version then
    differ[#differ + 1] = change[1]
    differ[#differ + 1] = tonumber(version)
  end
end
if #differ > 0 then
  return cmsgpack.pack({'differ', differ})
end

local new = 0
for _, change in ipairs(order.changes) do
  local key = stock(generation, change[1])
  if not change[2] then
    redis.call('UNLINK', key)
  end
  redis.call('HSET', key, 'v', change[3])
  in_parts('HSET', key, change[4])
  for i = 1, #change[5], 2 do
    redis.call('HINCRBY', key, change[5][i], change[5][i + 1])
  end
  if not change[2] or change[2] == '0' then
    new = new + redis.call('ZADD', names(generation), 0, change[1])
  end
end
if new > 0 then
  redis.call('HINCRBY', at(generation), 'skus', new)
end
if #order.after > 0 then
  redis.call('HSET', at(generation), unpack(order.after))
end
if order.age >= 0 then
  redis.call('HSET', at(generation), 'fresh', now - order.age)
end
if owns then
  redis.call('HSET', head, 'until', now + order.lease)
end
if live() ~= generation then
  redis.call('HSET', registry(), generation, now)
end
return cmsgpack.pack({'moved'})
