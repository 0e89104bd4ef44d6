// What the watch over a set makes of the answers of Sentinels and master, and for how long it stands by it.
import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Poll, SentinelWatch } from '../../src/redis/sentinel-watch.ts';

const A = '10.0.0.1:6379';
const B = '10.0.0.2:6379';
const ANSWER_TIMEOUT_MS = 400;

/** A Sentinel that answers at once, or falls silent as a paused one does. */
class FakeSentinel extends EventEmitter {
  master = A;
  flags = 'master';
  replica: Record<string, string> = { 'slave-priority': '100', 'info-refresh': '1200' };
  isSilent = false;

  tilt = '0';
  infoPeriods: string[] = [];

  async call(command: string, what: string, ...rest: string[]): Promise<unknown> {
    if (this.isSilent) {
      await new Promise((resolve) => setTimeout(resolve, ANSWER_TIMEOUT_MS));
      throw new Error('Command timed out');
    }
    const [ip = '', port = ''] = A.split(':');
    const [replicaIp = '', replicaPort = ''] = B.split(':');
    if (command === 'INFO') return `# Sentinel\r\nsentinel_masters:1\r\nsentinel_tilt:${this.tilt}\r\n`;
    if (what === 'DEBUG') return this.infoPeriods.push(rest.join(' '));
    if (what === 'GET-MASTER-ADDR-BY-NAME') return this.master.split(':');
    if (what === 'MASTER') return Object.entries({ ip, port, flags: this.flags }).flat();
    return [Object.entries({ ip: replicaIp, port: replicaPort, flags: 'slave', ...this.replica }).flat()];
  }

  async subscribe(): Promise<void> {}
  async quit(): Promise<void> {}
  disconnect(): void {}
}

/** The connection to the master: where it ends, and what the server there says. */
class FakeMaster extends EventEmitter {
  status = 'ready';
  stream = { remoteAddress: '10.0.0.1', remotePort: 6379 };
  role: unknown = ['master', 100, [['10.0.0.2', '6379', '100']]];
  reconnects = 0;

  async call(): Promise<unknown> {
    if (this.role instanceof Error) throw this.role;
    return this.role;
  }

  disconnect(again?: boolean): void {
    if (again === true) this.reconnects++;
  }

  async quit(): Promise<void> {}
}

let sentinels: FakeSentinel[];
let master: FakeMaster;
let polls: Poll[];
let changes: string[];
let watch: SentinelWatch;

beforeEach(async () => {
  vi.useFakeTimers();
  sentinels = [new FakeSentinel(), new FakeSentinel(), new FakeSentinel()];
  master = new FakeMaster();
  [polls, changes] = [[], []];
  watch = new SentinelWatch({
    sentinels: sentinels.map((one) => ({ commands: one as unknown as Redis, events: one as unknown as Redis })),
    master: master as unknown as Redis,
    masterName: 'items',
    inSyncLagMs: 1_000,
    infoPeriodMs: 700,
    onMasterChange: (view) => changes.push(view.master),
    onPoll: (poll) => polls.push(poll),
  });
  await vi.advanceTimersByTimeAsync(1);
});

afterEach(() => {
  watch.close();
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const silence = (...which: number[]) => {
  for (const i of which) sentinels[i]!.isSilent = true;
};

test('the view holds the master, where it is reached, and who must have each save', () => {
  expect(watch.fresh()).toMatchObject({ master: A, masterPeers: new Set([A]), required: new Set([B]) });
});

describe('there is no view', () => {
  test('a second after the Sentinels were last asked with success', async () => {
    silence(0, 1);
    await pass(ANSWER_TIMEOUT_MS + 300);
    expect(watch.fresh()).toBeNull();
  });

  test('when this process itself was held up for a second', () => {
    const nowMs = performance.now();
    const later = vi.spyOn(performance, 'now').mockReturnValue(nowMs + 1_001);
    expect(watch.fresh()).toBeNull();
    later.mockReturnValue(nowMs + 990);
    expect(watch.fresh()).not.toBeNull();
    later.mockRestore();
  });

  test('when the master has not said for a second that it is one', async () => {
    master.role = new Error('Command timed out');
    await pass(600);
    expect(watch.fresh()).not.toBeNull();
    await pass(600);
    expect(watch.fresh()).toBeNull();
  });

  test('when the word is that of a server that the majority does not name', async () => {
    master.stream = { remoteAddress: '10.0.0.9', remotePort: 6379 };
    await pass(1_300);
    expect(watch.fresh()).toBeNull();
    expect(master.reconnects).toBeGreaterThan(0);
  });

  test('at once when the majority names another master, until that one is reached', async () => {
    for (const sentinel of sentinels.slice(0, 2)) sentinel.master = B;
    await pass(301);
    expect([watch.fresh(), changes]).toEqual([null, [B]]);
    master.stream = { remoteAddress: '10.0.0.2', remotePort: 6379 };
    await pass(301);
    expect(watch.fresh()).toMatchObject({ master: B });
  });

  test('when the majority is split, however young the last one is', async () => {
    sentinels[0]!.master = B;
    silence(1);
    await pass(300 + ANSWER_TIMEOUT_MS);
    expect(watch.fresh()).toBeNull();
  });
});

test('one silent Sentinel never makes the view too old', async () => {
  silence(0);
  for (let i = 0; i < 100; i++) {
    await pass(37);
    expect(watch.fresh()).not.toBeNull();
  }
});

test('a change that a Sentinel tells of is looked at at once', async () => {
  const before = polls.length;
  sentinels[0]!.emit('message', '+switch-master', '');
  await pass(1);
  expect(polls.length).toBe(before + 1);
});

test('what is told of a node is handed on: priority, age, failover, TILT', async () => {
  sentinels[0]!.replica = { 'slave-priority': '0', 'info-refresh': '0' };
  sentinels[1]!.replica = { 'slave-priority': '7', 'info-refresh': '4500' };
  sentinels[2]!.flags = 'master,o_down,failover_in_progress';
  sentinels[1]!.tilt = '1';
  await pass(301);
  const [first, second, third] = polls.at(-1)!.answers;
  expect(first!.nodes.get(B)).toEqual({ isDown: false, priority: 0, infoAgeMs: null });
  expect(second!.nodes.get(B)).toEqual({ isDown: false, priority: 7, infoAgeMs: 4_500 });
  expect([second!.isFailingOver, third!.isFailingOver]).toEqual([false, true]);
  expect([first!.isInTilt, second!.isInTilt]).toEqual([false, true]);
  expect(third!.nodes.get(A)).toEqual({ isDown: true, priority: null, infoAgeMs: null });
});

test('every poll is handed on, and says when nothing is confirmed', async () => {
  expect(polls.at(-1)!.confirmed).toMatchObject({ master: A, role: { offset: 100 } });
  silence(0, 1, 2);
  await pass(301 + ANSWER_TIMEOUT_MS);
  expect(polls.at(-1)!.confirmed).toBeNull();
  expect(polls.at(-1)!.known).toEqual(new Set([A, B]));
});

test('a Sentinel is told how often to look at the nodes, again and again, because it forgets it', async () => {
  await pass(601);
  expect(sentinels[0]!.infoPeriods).toEqual(['INFO-PERIOD 700', 'INFO-PERIOD 700', 'INFO-PERIOD 700']);
});
