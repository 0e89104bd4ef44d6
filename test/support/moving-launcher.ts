// Runs the Redis programs of a stack as local processes, and those that have been moved in containers: another version.
import type { Command, Launcher, Running } from '../../stack/launcher.ts';
import { LocalLauncher } from '../../stack/local-launcher.ts';
import { ContainerLauncher } from './container-launcher.ts';

export class MovingLauncher implements Launcher {
  readonly #local: LocalLauncher;
  readonly #containers: ContainerLauncher;
  readonly #moved = new Set<string>();

  constructor(logDir: string) {
    this.#local = new LocalLauncher(logDir);
    this.#containers = new ContainerLauncher(logDir);
  }

  /** From its next start on, this part runs in a container. */
  move(name: string): void {
    this.#moved.add(name);
  }

  async start(command: Command): Promise<Running> {
    return await (this.#moved.has(command.name) ? this.#containers : this.#local).start(command);
  }
}
