-- order: generation. Answers {"swapped"}, {"behind"} or {"displaced", why}.
local generation, before = order.generation, live()
if tonumber(redis.call('HGET', registry(), generation) or 0) == 0 then
  return cmsgpack.pack({'displaced', 'it was swept'})
end
if before and before ~= generation then
  local there = redis.call('HGETALL', at(before))
  local topic_id, ahead = nil, false
  for i = 1, #there, 2 do
    local field = there[i]
    if field == 'topic_id' then
      topic_id = there[i + 1]
    elseif string.match(field, '^o%d+$') then
      local mine = redis.call('HGET', at(generation), field)
      ahead = ahead or (mine and tonumber(mine) < tonumber(there[i + 1]))
    end
  end
  if ahead and topic_id == redis.call('HGET', at(generation), 'topic_id') then
    return cmsgpack.pack({'behind'})
  end
  redis.call('HSET', registry(), before, 0)
end
redis.call('HSET', head, 'generation', generation)
return cmsgpack.pack({'swapped'})
