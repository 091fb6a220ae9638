-- Where things lie. KEYS[1] is the head, a hash:
--   generation   the one that is read from
--   owner, until the token of who moves it, and the server's time (ms) when that ends unless it is renewed
-- HEAD:generations  hash, by generation: when somebody last built it (ms); 0: it was read from, and no more
-- HEAD:G:log        hash: topic_id, o0 o1 ... (offset of the next record, by partition), skus (how many there are),
--                   fresh (when it was known to hold all that was committed, ms)
-- HEAD:G:names      sorted set of the SKUs, all of score 0, so in the order of their bytes: of their code points
-- HEAD:G:sku:SKU    hash: v (version), and of each batch pREF (purchased), aREF (allocated), eREF (eta or "")
local head = KEYS[1]
local order = cmsgpack.unpack(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function registry() return head .. ':generations' end
local function at(generation) return head .. ':' .. generation .. ':log' end
local function names(generation) return head .. ':' .. generation .. ':names' end
local function stock(generation, sku) return head .. ':' .. generation .. ':sku:' .. sku end

local function live() return redis.call('HGET', head, 'generation') end

-- The arguments of a long command, some at a time: Lua's stack is short.
local function in_parts(command, key, values)
  for first = 1, #values, 2000 do
    redis.call(command, key, unpack(values, first, math.min(first + 1999, #values)))
  end
end
