// Where the Redis of the tests runs: in containers where a Docker engine answers, as local processes elsewhere.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Launcher } from '../../stack/launcher.ts';
import { LocalLauncher } from '../../stack/local-launcher.ts';
import { ContainerLauncher, REDIS_IMAGE } from './container-launcher.ts';

export type RedisBackend = 'containers' | 'local processes';

const run = promisify(execFile);

/**
 * Containers on Linux, where they can share the network with the tests, if an engine answers and has the image or can
 * pull it. With REQUIRE_DOCKER=1 everything else is an error and no reason to test less.
 */
export async function chooseRedisBackend(): Promise<RedisBackend> {
  const why = await whyNoContainers();
  if (why === null) return 'containers';
  if (process.env['REQUIRE_DOCKER'] === '1') throw new Error(`REQUIRE_DOCKER=1, but ${why}`);
  return 'local processes';
}

/** A launcher of that kind with its logs in `logDir`. */
export function redisLauncher(backend: RedisBackend, logDir: string): Launcher {
  return backend === 'containers' ? new ContainerLauncher(logDir) : new LocalLauncher(logDir);
}

async function whyNoContainers(): Promise<string | null> {
  if (process.platform !== 'linux') return 'containers share the network of the tests on Linux only';
  if (!(await docker('info'))) return 'no Docker engine answers';
  const isThere = (await docker('image', 'inspect', REDIS_IMAGE)) || (await docker('pull', '--quiet', REDIS_IMAGE));
  return isThere ? null : `the image ${REDIS_IMAGE} is not here and cannot be pulled`;
}

async function docker(...args: string[]): Promise<boolean> {
  try {
    await run('docker', args, { timeout: 120_000 });
    return true;
  } catch {
    return false;
  }
}
