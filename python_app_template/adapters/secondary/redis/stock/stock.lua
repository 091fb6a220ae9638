-- order: oldest, skus. Answers {"", {hash, ...}} in the order of the SKUs, or {why not}.
local generation, why = current()
if not generation then
  return cmsgpack.pack({why})
end
local rows = shown(generation, order.skus)
if not rows then
  return cmsgpack.pack({'torn'})
end
return cmsgpack.pack({'', rows})
