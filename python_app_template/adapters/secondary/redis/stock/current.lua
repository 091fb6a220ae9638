-- Which generation answers: its name, or why none does. order.oldest: ms, or 0 when any age will do.
local function current()
  local generation = live()
  if not generation then
    return nil, 'unready'
  end
  local skus, fresh = unpack(redis.call('HMGET', at(generation), 'skus', 'fresh'))
  if not skus then
    return nil, 'torn'
  end
  if order.oldest > 0 and (not fresh or now - tonumber(fresh) > order.oldest) then
    return nil, 'behind'
  end
  return generation, tonumber(skus)
end

local function shown(generation, skus)
  local rows = {}
  for i, sku in ipairs(skus) do
    local row = redis.call('HGETALL', stock(generation, sku))
    if #row == 0 and redis.call('ZSCORE', names(generation), sku) then
      return nil
    end
    rows[i] = row
  end
  return rows
end
