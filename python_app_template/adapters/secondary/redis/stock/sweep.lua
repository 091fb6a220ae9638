-- order: idle (ms), keys (how many at the most). Answers how many generations are left to be swept.
local left = 0
local found = redis.call('HGETALL', registry())
for i = 1, #found, 2 do
  local generation = found[i]
  if generation ~= live() and tonumber(found[i + 1]) < now - order.idle then
    local skus = redis.call('ZRANGE', names(generation), 0, order.keys - 1)
    for _, sku in ipairs(skus) do
      redis.call('UNLINK', stock(generation, sku))
    end
    if #skus > 0 then
      in_parts('ZREM', names(generation), skus)
    end
    if #skus < order.keys then
      redis.call('DEL', at(generation), names(generation))
      redis.call('HDEL', registry(), generation)
    else
      left = left + 1
    end
  end
end
return cmsgpack.pack(left)
