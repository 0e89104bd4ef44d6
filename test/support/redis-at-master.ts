// A plain connection to the master of the shared set, to look at what is really stored and to meddle with it.
import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { accessTo, MASTER_NAME } from './open-store.ts';

/** The connection, ready. The caller disconnects it. */
export async function redisAtMaster(sentinels: string = inject('sentinels')): Promise<Redis> {
  const { target } = accessTo(sentinels);
  if (target.kind !== 'sentinel') throw new Error('no Sentinels');
  const redis = new Redis({
    sentinels: target.sentinels.map(({ host, port }) => ({ host, port })),
    name: MASTER_NAME,
    lazyConnect: true,
  });
  await redis.connect();
  return redis;
}
