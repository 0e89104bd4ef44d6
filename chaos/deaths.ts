// Tells the parts that were killed from those that ended by themselves, which none of them ever should.
import { describeExit } from '../stack/launcher.ts';
import type { Part } from '../stack/part.ts';

export class Deaths {
  readonly #killed = new Set<Part>();
  readonly #unexpected: string[] = [];

  constructor(parts: readonly Part[]) {
    for (const part of parts) {
      part.onDeath = (exit) => {
        if (!this.#killed.delete(part)) this.#unexpected.push(`${part.name} ended by itself (${describeExit(exit)})`);
      };
    }
  }

  /** One sentence for each part that ended though nobody killed it. */
  get unexpected(): readonly string[] {
    return this.#unexpected;
  }

  /** Kills them, and returns when they are dead. */
  async kill(parts: readonly Part[]): Promise<void> {
    for (const part of parts) if (part.running) this.#killed.add(part);
    await Promise.all(parts.map((part) => part.kill()));
  }
}
