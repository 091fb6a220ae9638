-- order: owner, lease (ms). Answers {} when another has it, else {log of the live generation, its name}.
local owner, till = unpack(redis.call('HMGET', head, 'owner', 'until'))
if owner and owner ~= order.owner and tonumber(till) > now then
  return cmsgpack.pack({})
end
redis.call('HSET', head, 'owner', order.owner, 'until', now + order.lease)
local generation = live()
if not generation then
  return cmsgpack.pack({{}, ''})
end
return cmsgpack.pack({redis.call('HGETALL', at(generation)), generation})
