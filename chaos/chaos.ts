// What a scenario works with: the running system, its network, and the ways to do it harm.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Instance } from '../stack/instance.ts';
import type { Part } from '../stack/part.ts';
import type { Stack } from '../stack/stack.ts';
import { Deaths } from './deaths.ts';
import type { Dice } from './dice.ts';
import type { Witness } from './evidence.ts';
import type { Host, Network } from './network.ts';
import { Subject } from './subject.ts';

/** The fact that a cut stopped packets. */
export const PACKETS_LOST = 'packets that were kept from their way';

export type ChaosOptions = {
  readonly stack: Stack;
  /** Null where there is no namespace. */
  readonly network: Network | null;
  readonly dice: Dice;
  readonly witness: Witness;
  /** Where the preloaded clocks of the instances look. */
  readonly clockDir: string;
  /** How many saves have been acknowledged so far. */
  readonly saved: () => number;
  readonly say: (line: string) => void;
};

export class Chaos extends Subject {
  readonly #options: ChaosOptions;
  readonly #deaths: Deaths;
  #faults = 0;

  constructor(options: ChaosOptions) {
    super(options.stack, options.dice, options.saved);
    this.#options = options;
    this.#deaths = new Deaths(this.stack.parts);
  }

  /** Parts that ended though nobody killed them. */
  get endedByThemselves(): readonly string[] {
    return this.#deaths.unexpected;
  }

  get faults(): number {
    return this.#faults;
  }

  /** Throws where there is none; a scenario says that it needs one. */
  get network(): Network {
    if (this.#options.network === null) throw new Error('There is no network of our own here.');
    return this.#options.network;
  }

  /** Counts a fault and says which. */
  fault(what: string): void {
    this.#faults++;
    this.#options.say(what);
  }

  /** Something that had to be seen was seen. */
  fact(what: string): void {
    this.#options.witness.facts.add(what);
  }

  say(line: string): void {
    this.#options.say(line);
  }

  async kill(...parts: readonly Part[]): Promise<void> {
    this.fault(`kill -9 ${names(parts)}`);
    await this.#deaths.kill(parts);
  }

  pause(...parts: readonly Part[]): void {
    this.fault(`pause ${names(parts)}`);
    for (const part of parts) part.pause();
  }

  resume(...parts: readonly Part[]): void {
    this.#options.say(`resume ${names(parts)}`);
    for (const part of parts) part.resume();
  }

  async start(...parts: readonly Part[]): Promise<void> {
    this.#options.say(`start ${names(parts)}`);
    for (const part of parts) if (!part.running) await part.start();
  }

  /** Cuts the connections between two sides for a while. */
  async cut(a: readonly Host[], b: readonly Host[], ms: number): Promise<void> {
    this.fault(`cut ${hosts(a)} from ${hosts(b)} for ${ms / 1000} s`);
    await this.network.cut(a, b);
    await this.rest(ms);
    await this.heal();
  }

  /** Undoes all cuts; a fact if one of them stopped something. */
  async heal(): Promise<void> {
    if ((await this.network.heal()) > 0) this.fact(PACKETS_LOST);
    this.#options.say('heal the network');
  }

  /** Sets an instance's wall clock off by that much. */
  shiftClock(instance: Instance, offsetMs: number): void {
    this.fault(`clock of ${instance.name} ${offsetMs / 1000} s off`);
    writeFileSync(this.#clockOf(instance), `${offsetMs}`);
  }

  /** Undoes what can be undone from outside: cuts, pauses, deaths, shifted clocks. */
  async recover(): Promise<void> {
    await this.#options.network?.heal();
    for (const instance of this.instances) writeFileSync(this.#clockOf(instance), '0');
    for (const part of this.stack.parts) {
      if (part.running) part.resume();
      else await part.start();
    }
  }

  #clockOf({ host, port }: Instance): string {
    return join(this.#options.clockDir, `${host}:${port}`);
  }
}

function hosts(list: readonly Host[]): string {
  return list.map(({ host }) => host).join(', ');
}

function names(parts: readonly Part[]): string {
  return parts.map(({ name }) => name).join(', ');
}
