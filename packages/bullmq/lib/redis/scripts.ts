// What Redis does for many jobs at once, which BullMQ's own scripts do for one: a command a job costs Redis and both its callers more than
// the job itself. The rules: a job lies in Redis as BullMQ lays it there, and what is out of the ordinary is BullMQ's to do; and who listens is
// told of ends alone, since all producers of a queue wake up for each event.

import type { Redis } from 'ioredis';

type Argument = string | number;
type Command = (args: readonly Argument[]) => Promise<unknown>;

/** A script by its name, which a client learns when it is first used. */
function script(
  name: string,
  numberOfKeys: number,
  lua: string,
): (redis: Redis, args: readonly Argument[]) => Promise<unknown> {
  return (redis, args) => {
    const client = redis as unknown as Record<string, Command | undefined>;
    if (client[name] === undefined) redis.defineCommand(name, { numberOfKeys, lua });
    return client[name]!(args);
  };
}

/**
 * Adds jobs that may run at once, all of them or, where Redis has no memory left, none; what the queue has already stays as it is.
 *
 * Keys: wait, active, meta, marker, id. Arguments: the prefix of the jobs' keys, the time; of each job its id, name, data and options.
 */
export const addJobs = script(
  'tensorlaneAddJobs',
  5,
  `
local prefix, timestamp = ARGV[1], ARGV[2]
local added = {}
for i = 3, #ARGV, 4 do
  local id = ARGV[i]
  local key = prefix .. id
  if redis.call('EXISTS', key) == 0 then
    redis.call('HSET', key, 'name', ARGV[i + 1], 'data', ARGV[i + 2], 'opts', ARGV[i + 3], 'timestamp', timestamp,
      'delay', '0', 'priority', '0')
    added[#added + 1] = id
  end
end
if #added == 0 then return 0 end
local meta = redis.call('HMGET', KEYS[3], 'paused', 'concurrency')
redis.call('INCRBY', KEYS[5], #added)
redis.call('LPUSH', KEYS[1], unpack(added))
local full = meta[1] or (meta[2] and redis.call('LLEN', KEYS[2]) >= tonumber(meta[2]))
if not full then redis.call('ZADD', KEYS[4], 0, '0') end
return #added
`,
);

/** So many jobs go with one call: arguments of Lua's functions are few, and others wait while Redis runs a script. */
export const mostTogether = 250;

/**
 * Completes jobs, tells their producers, and takes as many others for who asks for them. Gives for each, in their order: what it has taken, as BullMQ's script
 * has it; 0, where it has completed the job and taken none; -1, where it has done nothing, since the job is not there, locked by another,
 * a parent, a child or deduplicated.
 *
 * Nothing is taken where delayed jobs are due or those with priorities come first, and where the queue is paused or limited.
 *
 * Keys: wait, active, meta, events, marker, completed, stalled, delayed, prioritized. Arguments: the prefix of the jobs' keys, the time,
 * for how long a lock holds, what the names of channels come after; of each job its id, the token of its lock, its result, the name of its
 * producer's channel, if any, and '1' where another is asked for.
 */
export const completeJobs = script(
  'tensorlaneCompleteJobs',
  9,
  `
local rcall = redis.call
local prefix, timestamp, lockMs, channels = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local results, wanted, replies = {}, {}, {}
local ids, scores, locks = {}, {}, {}

local function complete(id, token, value)
  local key = prefix .. id
  local has = rcall('HMGET', key, 'name', 'parentKey', 'deid')
  if not has[1] or has[2] or has[3] then return false end
  if rcall('GET', key .. ':lock') ~= token then return false end
  if rcall('EXISTS', key .. ':dependencies', key .. ':unsuccessful') > 0 then return false end
  if rcall('LREM', KEYS[2], -1, id) < 1 then return false end
  rcall('HINCRBY', key, 'atm', 1)
  rcall('HSET', key, 'returnvalue', value, 'finishedOn', timestamp)
  ids[#ids + 1] = id
  locks[#locks + 1] = key .. ':lock'
  scores[#scores + 1] = timestamp
  scores[#scores + 1] = id
  rcall('XADD', KEYS[4], '*', 'event', 'completed', 'jobId', id, 'returnvalue', value, 'prev', 'active')
  return true
end

local count = 0
for i = 5, #ARGV, 5 do
  count = count + 1
  if complete(ARGV[i], ARGV[i + 1], ARGV[i + 2]) then
    results[count] = 0
    local name = ARGV[i + 3]
    if name ~= '' then
      replies[name] = replies[name] or {}
      table.insert(replies[name], cjson.encode(ARGV[i]))
      table.insert(replies[name], ARGV[i + 2])
    end
    if ARGV[i + 4] == '1' then wanted[#wanted + 1] = { count, ARGV[i + 1] } end
  else
    results[count] = -1
  end
end

if #ids > 0 then
  rcall('DEL', unpack(locks))
  rcall('SREM', KEYS[7], unpack(ids))
  rcall('ZADD', KEYS[6], unpack(scores))
end
for name, ends in pairs(replies) do
  -- Who may not publish still completes.
  redis.pcall('PUBLISH', channels .. name, '{"completed":[' .. table.concat(ends, ',') .. ']}')
end

local meta = rcall('HMGET', KEYS[3], 'paused', 'concurrency', 'max')
if #wanted == 0 or meta[1] or meta[2] or meta[3] then return results end
local taken = 0
if #rcall('ZRANGEBYSCORE', KEYS[8], 0, (timestamp + 1) * 0x1000 - 1, 'LIMIT', 0, 1) == 0 then
  for i = 1, #wanted do
    local id = rcall('RPOPLPUSH', KEYS[1], KEYS[2])
    if not id then break end
    if string.sub(id, 1, 2) == '0:' then
      -- What old producers put there to wake workers up is no job.
      rcall('LREM', KEYS[2], 1, id)
      break
    end
    local key = prefix .. id
    rcall('SET', key .. ':lock', wanted[i][2], 'PX', lockMs)
    rcall('HSET', key, 'processedOn', timestamp)
    rcall('HINCRBY', key, 'ats', 1)
    results[wanted[i][1]] = { rcall('HGETALL', key), id, 0, 0 }
    taken = i
  end
end
-- Another worker may look for more, or this one for what is out of the ordinary.
if taken > 0 or rcall('ZCARD', KEYS[9]) > 0 or rcall('ZCARD', KEYS[8]) > 0 then rcall('ZADD', KEYS[5], 0, '0') end
return results
`,
);
