// What one simulated client knows of the set: the real tracker, fed by asking simulated Sentinels.
import type { Clock } from '../../src/items/ports.ts';
import type { FreshView } from '../../src/redis/sentinel-watch.ts';
import { namedByMajority, type SentinelAnswer, SetViewTracker } from '../../src/redis/set-view.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { SENTINELS, type SimulatedSentinels } from './simulated-sentinels.ts';

// As in src/redis/sentinel-watch.ts, which cannot be had without its connections.
const POLL_INTERVAL_MS = 300;
const ANSWER_TIMEOUT_MS = 400;
const MAX_AGE_MS = 1_000;

export class SimulatedView {
  /** Whom the first Sentinel that answered names, as a client library would ask for the master. */
  named: string | null = null;
  readonly #client: string;
  readonly #net: SimulatedNetwork;
  readonly #sentinels: SimulatedSentinels;
  readonly #clock: Clock;
  readonly #tracker = new SetViewTracker(SENTINELS.length, () => Number.NEGATIVE_INFINITY);
  #view: FreshView | null = null;
  #takenAtMs = Number.NEGATIVE_INFINITY;

  /** Begins to ask at once, and calls `onMasterChange` when a majority names another master. */
  constructor(client: string, net: SimulatedNetwork, sentinels: SimulatedSentinels, onMasterChange: () => void) {
    this.#client = client;
    this.#net = net;
    this.#sentinels = sentinels;
    this.#clock = net.clockOf(client);
    void this.#watch(onMasterChange);
  }

  fresh(): FreshView | null {
    return this.#clock.nowMs() - this.#takenAtMs > MAX_AGE_MS ? null : this.#view;
  }

  async #watch(onMasterChange: () => void): Promise<void> {
    for (;;) {
      const askedAtMs = this.#clock.nowMs();
      const answers = await Promise.all(SENTINELS.map((sentinel) => this.#ask(sentinel)));
      this.named = answers.find((answer) => answer !== null)?.master ?? null;
      const master = namedByMajority(answers);
      const required = this.#tracker.update(answers, askedAtMs);
      if (master === null) {
        this.#takenAtMs = Number.NEGATIVE_INFINITY;
      } else {
        const before = this.#view?.master ?? master;
        this.#view = { master, required, masterPeers: new Set([master]) };
        this.#takenAtMs = askedAtMs;
        if (before !== master) onMasterChange();
      }
      await this.#clock.delay(POLL_INTERVAL_MS);
    }
  }

  async #ask(sentinel: string): Promise<SentinelAnswer | null> {
    const answer = async (): Promise<SentinelAnswer | null> => {
      await this.#net.step(`${this.#client} asks ${sentinel}`);
      if (!this.#net.reaches(this.#client, sentinel)) return null;
      return this.#sentinels.answerOf(sentinel);
    };
    return Promise.race([answer(), this.#clock.delay(ANSWER_TIMEOUT_MS).then(() => null)]);
  }
}
