-- order: generation, topic_id, offsets (pairs of field and offset).
redis.call('HSET', registry(), order.generation, now)
redis.call('HSET', at(order.generation), 'topic_id', order.topic_id, 'skus', 0, unpack(order.offsets))
return cmsgpack.pack({})
