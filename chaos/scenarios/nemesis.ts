// Random faults, one after the other, with whatever the last one left behind still going on.
import type { Part } from '../../stack/part.ts';
import type { Chaos } from '../chaos.ts';
import type { Host } from '../network.ts';
import { type Scenario, unconfirmed } from '../scenario.ts';

const TROUBLE_MS = 40_000;

type Trouble = (chaos: Chaos, ms: number) => Promise<void>;

const PAUSE_OR_KILL: readonly Trouble[] = [
  (chaos, ms) => pauseFor(chaos, chaos.dice.pick(chaos.set.nodes), ms),
  (chaos, ms) => pauseFor(chaos, chaos.dice.pick(chaos.sentinels), ms),
  (chaos, ms) => pauseFor(chaos, chaos.dice.pick(chaos.instances), ms),
  (chaos, ms) => killFor(chaos, chaos.dice.pick(chaos.set.nodes), ms),
  (chaos, ms) => killFor(chaos, chaos.dice.pick(chaos.sentinels), ms),
  (chaos, ms) => killFor(chaos, chaos.dice.pick(chaos.instances), ms),
  async (chaos, ms) => killFor(chaos, await chaos.master(), ms),
  async (chaos, ms) => pauseFor(chaos, await chaos.master(), ms),
  async (chaos) => {
    chaos.fault('ask a Sentinel for a failover');
    // It refuses while another one is going on.
    await chaos.ask(chaos.dice.pick(chaos.sentinels), 'SENTINEL', 'FAILOVER', chaos.set.masterName).catch(() => {});
  },
  async (chaos) => {
    chaos.fault('SCRIPT FLUSH at every node');
    await Promise.allSettled(chaos.set.nodes.map((node) => chaos.ask(node, 'SCRIPT', 'FLUSH')));
  },
];

const CUT: readonly Trouble[] = [
  (chaos, ms) => isolate(chaos, chaos.dice.pick(chaos.set.nodes), ms),
  (chaos, ms) => isolate(chaos, chaos.dice.pick(chaos.sentinels), ms),
  async (chaos, ms) => isolate(chaos, await chaos.master(), ms),
  async (chaos, ms) => chaos.cut(chaos.sentinels, [await chaos.master()], ms),
  async (chaos, ms) => {
    const hosts = chaos.dice.shuffle(chaos.hosts);
    const half = Math.ceil(hosts.length / 2);
    await chaos.cut(hosts.slice(0, half), hosts.slice(half), ms);
  },
  async (chaos, ms) => {
    const [from, to] = chaos.dice.shuffle(chaos.hosts) as [Host, Host];
    chaos.fault(`nothing from ${from.host} reaches ${to.host}`);
    await chaos.network.cutOneWay([from], [to]);
    await chaos.rest(ms);
    await chaos.heal();
  },
];

/** The random mix; with cuts where there is a network to cut. */
export function nemesis(canCut: boolean): Scenario {
  const troubles = canCut ? [...PAUSE_OR_KILL, ...CUT] : PAUSE_OR_KILL;
  return {
    name: 'random-mix',
    row: '23',
    what: `random faults one after the other for ${TROUBLE_MS / 1000} s`,
    direct: true,
    mustSee: [unconfirmed],
    async run(chaos) {
      const endMs = performance.now() + TROUBLE_MS;
      while (performance.now() < endMs) {
        await chaos.dice.pick(troubles)(chaos, Math.round(chaos.dice.between(300, 4_000)));
        await chaos.rest(chaos.dice.between(500, 4_000));
      }
    },
  };
}

async function pauseFor(chaos: Chaos, part: Part, ms: number): Promise<void> {
  chaos.pause(part);
  await chaos.rest(ms);
  chaos.resume(part);
}

async function killFor(chaos: Chaos, part: Part, ms: number): Promise<void> {
  await chaos.kill(part);
  await chaos.rest(ms);
  await chaos.start(part);
}

async function isolate(chaos: Chaos, host: Host, ms: number): Promise<void> {
  await chaos.cut([host], chaos.hosts, ms);
}
