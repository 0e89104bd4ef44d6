// Turns what a watch sees of the set into what people are told of it. No I/O.
import type { DataNode, Failover, SetReport } from '../status/report.ts';
import { MAX_AGE_MS, type Poll } from './sentinel-watch.ts';

/** Follows a watch. Times are monotonic, but for those of failovers. */
export class SetReporter {
  readonly #sentinels: number;
  #last: Poll | null = null;
  #confirmed: { readonly master: string; readonly atMs: number } | null = null;
  #failover: Failover | null = null;

  constructor(sentinels: number) {
    this.#sentinels = sentinels;
  }

  /** Takes in a poll; `date` is now, in milliseconds since 1970. */
  see(poll: Poll, date: number): void {
    this.#last = poll;
    if (poll.confirmed === null) return;
    const { master } = poll.confirmed;
    const before = this.#confirmed;
    this.#confirmed = { master, atMs: poll.askedAtMs };
    if (before === null || before.master === master) return;
    this.#failover = {
      from: before.master,
      to: master,
      at: date,
      withoutMasterMs: Math.round(poll.askedAtMs - before.atMs),
    };
  }

  /** What is known now. As for saves, nobody is master whom nobody has confirmed for a second. */
  report(nowMs: number): SetReport {
    const poll = this.#last;
    const confirmed = this.#confirmed;
    const master = confirmed !== null && nowMs - confirmed.atMs <= MAX_AGE_MS ? confirmed.master : null;
    return {
      master,
      isFailingOver: poll?.answers.some(({ isFailingOver }) => isFailingOver) ?? false,
      sentinels: { answering: poll?.answers.length ?? 0, all: this.#sentinels },
      nodes: poll === null ? [] : [...poll.known].toSorted().map((address) => nodeIn(poll, address, master)),
      failover: this.#failover,
    };
  }
}

function nodeIn({ confirmed, required, answers, inSync }: Poll, address: string, master: string | null): DataNode {
  const acknowledged = confirmed?.role.replicas.get(address);
  const down = answers.filter(({ nodes }) => nodes.get(address)?.isDown === true).length;
  const stateOf = (): DataNode['state'] => {
    if (address === master) return 'master';
    if (down * 2 > answers.length) return 'down';
    if (master === null || confirmed === null) return 'unknown';
    if (acknowledged === undefined) return 'absent';
    return inSync.sinceMs(address) === null ? 'behind' : 'in-sync';
  };
  return {
    address,
    state: stateOf(),
    lagBytes:
      confirmed === null || acknowledged === undefined ? null : Math.max(0, confirmed.role.offset - acknowledged),
    isRequired: required.has(address),
  };
}
