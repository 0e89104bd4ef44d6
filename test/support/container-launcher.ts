// Runs the Redis programs of a stack in containers of the image that production uses, on the network of this machine.
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GenericContainer, getContainerRuntimeClient } from 'testcontainers';
import type { Command, Exit, Launcher, Running } from '../../stack/launcher.ts';

// Each container ends with its stop(); testcontainers' reaper would be one more image to pull, and fails where it cannot be.
process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true';

export const REDIS_IMAGE = 'redis:8.2.9';
const OPS = fileURLToPath(new URL('../../ops/redis', import.meta.url));

/**
 * Starts each command in a container that shares this machine's network and sees the command's directory and the
 * scripts under the paths that they have here: the commands are the same ones that run as local processes elsewhere.
 */
export class ContainerLauncher implements Launcher {
  readonly #logDir: string;

  constructor(logDir: string) {
    this.#logDir = logDir;
    mkdirSync(logDir, { recursive: true });
  }

  async start({ name, argv, env, dir, reads = [] }: Command): Promise<Running> {
    mkdirSync(dir, { recursive: true });
    const started = await new GenericContainer(REDIS_IMAGE)
      .withNetworkMode('host')
      .withBindMounts([
        ...[OPS, ...reads].map((path) => ({ source: path, target: path, mode: 'ro' as const })),
        { source: dir, target: dir, mode: 'rw' },
      ])
      .withWorkingDir(dir)
      .withEnvironment({ ...env })
      .withCommand([...argv])
      .start();
    const { container: client } = await getContainerRuntimeClient();
    const container = client.getById(started.getId());
    const logPath = join(this.#logDir, `${name}.log`);
    const log = createWriteStream(logPath, { flags: 'a' });
    (await started.logs()).pipe(log);
    const exited = container.wait().then(async ({ StatusCode: code }: { StatusCode: number }): Promise<Exit> => {
      await container.remove({ force: true, v: true }).catch(() => {});
      return { code, signal: null };
    });
    const { State } = await container.inspect();
    return {
      pid: State.Pid,
      logPath,
      exited,
      kill: (signal) => {
        // Ended meanwhile is as good as killed.
        container.kill({ signal }).catch(() => {});
      },
    };
  }
}
