// What the tests of a file share: a Redis of their own and the CPU. They are there from the first test to the last.

import { Redis } from 'ioredis';
import { type Device, open } from 'tensorlane';
import { afterAll, beforeAll } from 'vitest';
import { RedisServer } from './redis.js';

export interface Place {
  readonly url: string;
  readonly redis: Redis;
  readonly device: Device;
}

/** Called in a `describe`; what it gives may be read in its tests. */
export function usePlace(): Place {
  let made: { readonly server: RedisServer; readonly redis: Redis; readonly device: Device } | undefined;
  beforeAll(async () => {
    const server = await RedisServer.start();
    made = { server, redis: new Redis(server.url), device: await open('cpu') };
  });
  afterAll(async () => {
    made?.redis.disconnect();
    await made?.device.dispose();
    await made?.server.stop();
  });
  return {
    get url() {
      return made!.server.url;
    },
    get redis() {
      return made!.redis;
    },
    get device() {
      return made!.device;
    },
  };
}
