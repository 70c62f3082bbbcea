-- Carries out what JWT Gate wants to have changed in the headers of a request: it removes the names in
-- txn.jwt.del and then adds the pairs in txn.jwt.add. Which headers those are is said by the policy, so
-- their names cannot stand in haproxy.cfg.
--
-- Both variables are strings one after the other, each with its length in front of it, and an empty one
-- at the end, as in HAProxy's own req.hdrs_bin.
--
-- An error in here ends the action and not the request. haproxy.cfg therefore lets a request pass only
-- if txn.jwt.applied says that the end was reached.

-- A length from position `at` on (doc/SPOE.txt, section 3.1), and the position behind it.
local function length(bytes, at)
    local first = string.byte(bytes, at) or error("found no length")
    local value = first
    at = at + 1
    if first >= 240 then
        local unit = 16
        repeat
            local byte = string.byte(bytes, at) or error("found half of a length")
            value = value + byte * unit
            unit = unit * 128
            at = at + 1
        until byte < 128 or unit > 0x10000000000
    end
    return value, at
end

-- A string from position `at` on, and the position behind it.
local function text(bytes, at)
    local size
    size, at = length(bytes, at)
    if at + size - 1 > #bytes then
        error("found half of a string")
    end
    return string.sub(bytes, at, at + size - 1), at + size
end

core.register_action("jwt-gate", { "http-req" }, function(txn)
    local del = txn:get_var("txn.jwt.del")
    if del then
        local name, at = text(del, 1)
        while name ~= "" do
            txn.http:req_del_header(name)
            name, at = text(del, at)
        end
    end
    local add = txn:get_var("txn.jwt.add")
    if add then
        local name, at = text(add, 1)
        while name ~= "" do
            local value
            value, at = text(add, at)
            txn.http:req_add_header(name, value)
            name, at = text(add, at)
        end
    end
    txn:set_var("txn.jwt.applied", "yes")
end)
