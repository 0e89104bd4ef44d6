// Plain connections to the nodes of the shared set, to look at what is really stored and to meddle with it.
import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { credentials, targetOptions } from '../../src/redis/connection-options.ts';
import { accessTo } from './open-store.ts';

/** A connection to the master, ready. The caller disconnects it. */
export const redisAtMaster = (sentinels: string = inject('sentinels')): Promise<Redis> =>
  connected(sentinels, 'master');

/** A connection to one of the replicas, ready. The caller disconnects it. */
export const redisAtReplica = (): Promise<Redis> => connected(inject('sentinels'), 'slave');

async function connected(sentinels: string, role: 'master' | 'slave'): Promise<Redis> {
  const access = accessTo(sentinels, 'operator');
  const redis = new Redis({
    ...credentials(access),
    ...targetOptions(access),
    role,
    replyMapping: 'legacy',
    lazyConnect: true,
  });
  await redis.connect();
  return redis;
}
