// Which other instances there are: whoever was heard lately. No I/O.
import { type InstanceReport, readReport, type SeenInstance } from './report.ts';

/** An instance says something every second; one that missed three is not counted any more. */
export const SILENT_AFTER_MS = 3_500;
/** After this an instance that says nothing is gone for good, and one that was shutting down already when it is silent. */
const FORGET_AFTER_MS = 60_000;
const MAX_NEIGHBOURS = 500;

/** Remembers what the others said last. Times are monotonic. */
export class Neighbours {
  readonly #ownId: string;
  readonly #heard = new Map<string, { readonly report: InstanceReport; readonly atMs: number }>();

  constructor(ownId: string) {
    this.#ownId = ownId;
  }

  /** Takes in what somebody said. What is not understood, and what we said ourselves, counts for nothing. */
  hear(text: string, atMs: number): void {
    const report = readReport(text);
    if (report === null || report.id === this.#ownId) return;
    if (this.#heard.size >= MAX_NEIGHBOURS && !this.#heard.has(report.id)) return;
    this.#heard.set(report.id, { report, atMs });
  }

  /** Whoever is there, or was a minute ago. */
  seen(nowMs: number): SeenInstance[] {
    for (const [id, { report, atMs }] of this.#heard) {
      const limitMs = report.state === 'draining' ? SILENT_AFTER_MS : FORGET_AFTER_MS;
      if (nowMs - atMs > limitMs) this.#heard.delete(id);
    }
    return [...this.#heard.values()].map(({ report, atMs }) => ({ ...report, silentMs: Math.round(nowMs - atMs) }));
  }

  forgetAll(): void {
    this.#heard.clear();
  }
}
