// Starts again what died, as a container engine does, so that a person can kill parts by hand and watch.
import { setTimeout as sleep } from 'node:timers/promises';
import { describeExit } from './launcher.ts';
import type { Part } from './part.ts';

const PAUSE_MS = 1_000;

/** From now on starts `part` again about a second after it ended, until it is stopped; `say` hears of both. */
export function supervise(part: Part, say: (line: string) => void = () => {}): void {
  part.onDeath = (exit) => {
    say(`${part.name} ended (${describeExit(exit)}); it is started again in a second.`);
    void restart(part, say);
  };
}

async function restart(part: Part, say: (line: string) => void): Promise<void> {
  await sleep(PAUSE_MS);
  // Somebody stopped it, or was quicker.
  if (!part.wanted || part.running) return;
  try {
    await part.start();
    if (part.running) say(`${part.name} is started again, pid ${part.pid}.`);
  } catch (error) {
    say(`${part.name} could not be started again: ${(error as Error).message}`);
  }
}
