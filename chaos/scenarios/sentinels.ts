// Faults of those who watch: Sentinels and the keeper.
import type { Chaos } from '../chaos.ts';
import { fact, failover, type Scenario, unconfirmed } from '../scenario.ts';

const NOBODY_PROMOTED = 'a dead master that nobody replaced';

export const SENTINELS: readonly Scenario[] = [
  {
    name: 'sentinel-kill',
    row: '13',
    what: 'a Sentinel kill -9, then the master',
    mustSee: [failover, unconfirmed],
    async run(chaos) {
      const sentinel = chaos.dice.pick(chaos.sentinels);
      await chaos.kill(sentinel);
      await killMaster(chaos);
      await chaos.start(sentinel);
    },
  },
  {
    name: 'sentinel-pause',
    row: '13',
    what: 'the first Sentinel in the list paused, then the master killed',
    mustSee: [failover, unconfirmed],
    async run(chaos) {
      const first = chaos.sentinels.slice(0, 1);
      chaos.pause(...first);
      await killMaster(chaos);
      chaos.resume(...first);
    },
  },
  {
    name: 'sentinel-majority-gone',
    row: '13',
    what: 'two of three Sentinels dead and the master killed: nobody is promoted until they are back',
    mustSee: [fact(NOBODY_PROMOTED), unconfirmed],
    async run(chaos) {
      const master = await chaos.master();
      const [left, ...gone] = chaos.dice.deal(chaos.sentinels);
      await chaos.kill(...gone);
      await chaos.kill(master);
      await chaos.rest(6_000);
      const named = (await chaos.ask(left, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', chaos.set.masterName)) as string[];
      if (named.join(':') === master.address) chaos.fact(NOBODY_PROMOTED);
      await chaos.start(...gone, master);
    },
  },
  {
    name: 'keeper-kill',
    row: 'keeper',
    what: 'the keeper killed, then the master; the keeper comes back',
    mustSee: [failover, unconfirmed],
    async run(chaos) {
      const { keepers } = chaos;
      await chaos.kill(...keepers);
      await killMaster(chaos);
      await chaos.start(...keepers);
    },
  },
  {
    name: 'keeper-pause',
    row: 'keeper',
    what: 'the keeper paused over a failover of the master and over its return',
    mustSee: [failover, unconfirmed],
    async run(chaos) {
      const { keepers } = chaos;
      chaos.pause(...keepers);
      await killMaster(chaos);
      await chaos.rest(5_000);
      chaos.resume(...keepers);
    },
  },
];

async function killMaster(chaos: Chaos): Promise<void> {
  const master = await chaos.master();
  await chaos.kill(master);
  await chaos.failedOver(master);
  await chaos.savedMore(200);
  await chaos.start(master);
}
