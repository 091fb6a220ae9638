-- order: owner.
if redis.call('HGET', head, 'owner') == order.owner then
  redis.call('HDEL', head, 'owner', 'until')
end
return cmsgpack.pack({})
