// Faults of the instances: killed, frozen, robbed of their locks, with a clock that is wrong.
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance } from '../../stack/instance.ts';
import { waitFor } from '../../stack/wait.ts';
import type { Chaos } from '../chaos.ts';
import { LockThief, heldLocks } from '../locks.ts';
import { fact, lostLock, type Scenario } from '../scenario.ts';

/** Instances under chaos run with this, see system.ts: short enough to outlast. */
export const LOCK_TTL_MS = 3_000;

/** Said whether anybody noticed or not. */
export const LOCKS_STOLEN = 'locks that were stolen';
const SENT_ON = 'a request in flight that nginx sent on to another instance';
const LOCK_OUTLASTED = 'a frozen instance that held a lock past its time';
const CLOCK_OFF = 'an instance whose clock was off';

export const INSTANCES: readonly Scenario[] = [
  {
    name: 'instance-kill',
    row: '1',
    what: 'an instance kill -9 in the middle of saves, six times',
    unnoticed: true,
    mustSee: [fact(SENT_ON)],
    async run(chaos) {
      const from = statSync(chaos.stack.nginx.logPath).size;
      for (let i = 0; i < 6; i++) {
        const instance = chaos.dice.pick(chaos.instances);
        await chaos.rest(chaos.dice.between(0, 300));
        await chaos.kill(instance);
        await chaos.savedMore(50);
        await chaos.start(instance);
        await instance.ready();
      }
      // One request, two instances: "127.0.2.1:3000, 127.0.2.2:3000".
      const log = readFileSync(chaos.stack.nginx.logPath).subarray(from).toString();
      if (/"upstream":"[^",]+, /.test(log)) chaos.fact(SENT_ON);
    },
  },
  {
    name: 'instance-pause',
    row: '2',
    what: 'an instance frozen with locks in hand, for three times the life of a lock',
    mustSee: [fact(LOCK_OUTLASTED)],
    async run(chaos) {
      const instance = chaos.dice.pick(chaos.instances);
      await freezeWithLocks(chaos, instance);
      await chaos.rest(3 * LOCK_TTL_MS);
      chaos.resume(instance);
    },
  },
  {
    name: 'lock-stolen',
    row: '2',
    what: 'somebody else takes the locks of saves between their lock and their commit',
    mustSee: [lostLock],
    async run(chaos) {
      const master = await chaos.master();
      chaos.fault('steal locks for 6 s, SCRIPT FLUSH ten times a second');
      await using thief = await LockThief.at(master);
      const untilMs = performance.now() + 6_000;
      while (performance.now() < untilMs) {
        // Lock and commit arrive together, and nobody comes between them unless the commit has to load its script first.
        await chaos.ask(master, 'SCRIPT', 'FLUSH', 'SYNC');
        await chaos.rest(100);
      }
      chaos.say(`${thief.stolen} locks stolen`);
      if (thief.stolen > 0) chaos.fact(LOCKS_STOLEN);
    },
  },
  {
    name: 'instance-clock',
    row: '16',
    what: 'the clocks of two instances an hour ahead and an hour behind, and jumping',
    unnoticed: true,
    mustSee: [fact(CLOCK_OFF)],
    async run(chaos) {
      const [ahead, behind] = chaos.dice.shuffle(chaos.instances) as [Instance, Instance];
      chaos.shiftClock(ahead, 3_600_000);
      chaos.shiftClock(behind, -3_600_000);
      await chaos.savedMore(200);
      await waitFor(() => isOff(ahead) && isOff(behind), { timeoutMs: 10_000, what: 'no clock was off' });
      chaos.fact(CLOCK_OFF);
      for (const offsetMs of [60_000, -60_000, -3_600_000, 3_600_000, 0]) {
        chaos.shiftClock(ahead, offsetMs);
        chaos.shiftClock(behind, -offsetMs);
        await chaos.rest(1_000);
      }
    },
  },
];

/** Freezes it at moments when it may be in a save until it is caught with a lock that nobody gives back. */
async function freezeWithLocks(chaos: Chaos, instance: Instance): Promise<void> {
  const master = await chaos.master();
  for (let tries = 0; tries < 30; tries++) {
    chaos.pause(instance);
    // The others hold theirs for milliseconds; what is there twice is the frozen one's.
    await sleep(100);
    const first = await heldLocks(master);
    await sleep(200);
    const second = await heldLocks(master);
    if (second.some((lock) => first.includes(lock))) {
      chaos.fact(LOCK_OUTLASTED);
      return;
    }
    chaos.resume(instance);
    await sleep(chaos.dice.between(20, 120));
  }
}

/** Whether the times in its log are more than half an hour from ours. */
function isOff(instance: Instance): boolean {
  const time = /"time":"?([^",]+)/.exec(instance.lastLogLines(1)[0] ?? '')?.[1] ?? '';
  const loggedAtMs = /^\d+$/.test(time) ? Number(time) : Date.parse(time);
  return Math.abs(loggedAtMs - Date.now()) > 1_800_000;
}
