// Faults of the network: cuts between the sides of it, in one direction or both, for a while or again and again.
import { PACKETS_LOST } from '../chaos.ts';
import { commitPort } from '../connections.ts';
import type { Host } from '../network.ts';
import { fact, failover, reconnect, replay, type Scenario, unconfirmed } from '../scenario.ts';

const cutOff = fact(PACKETS_LOST);
const ON_THE_NETWORK = { needs: ['namespace'], direct: true } as const;
const NOT_READY = 'an instance that said it is not ready';

export const CUTS: readonly Scenario[] = [
  {
    ...ON_THE_NETWORK,
    name: 'reply-lost',
    row: '3',
    what: 'replies of the master to one instance vanish and the connection breaks, six times',
    mustSee: [cutOff, unconfirmed, replay],
    async run(chaos) {
      for (let i = 0; i < 6; i++) {
        const master = await chaos.master();
        const instance = chaos.dice.pick(chaos.instances);
        const port = await commitPort(chaos, master, instance);
        chaos.fault(`replies of ${master.name} to the commits of ${instance.name} vanish`);
        await chaos.network.cutOneWay([master], [instance], port);
        await chaos.rest(chaos.dice.between(100, 400));
        // What the master tries to send again now resets its own end: the reply is gone for good.
        await chaos.network.reset([master], [instance], port);
        await chaos.rest(700);
        await chaos.heal();
        await chaos.savedMore(100);
      }
    },
  },
  {
    ...ON_THE_NETWORK,
    name: 'half-open',
    row: '4',
    what: 'an instance and the master no longer hear each other, for 6 s, twice',
    mustSee: [cutOff, reconnect],
    async run(chaos) {
      for (let i = 0; i < 2; i++) {
        const master = await chaos.master();
        await chaos.cut([chaos.dice.pick(chaos.instances)], [master], 6_000);
        await chaos.rest(2_000);
      }
    },
  },
  {
    ...ON_THE_NETWORK,
    name: 'instance-cut-off',
    row: '4',
    what: 'an instance is cut off from all of Redis for 20 s',
    mustSee: [cutOff, fact(NOT_READY)],
    async run(chaos) {
      const instance = chaos.dice.pick(chaos.instances);
      chaos.fault(`cut ${instance.name} off from Redis for 20 s`);
      await chaos.network.cut([instance], [...chaos.set.nodes, ...chaos.sentinels]);
      await chaos.rest(20_000);
      const { status } = await fetch(`${instance.url}/readyz`, { signal: AbortSignal.timeout(2_000) });
      if (status === 503) chaos.fact(NOT_READY);
      await chaos.heal();
    },
  },
  {
    ...ON_THE_NETWORK,
    name: 'sentinels-cut-from-master',
    row: '10',
    what: 'no Sentinel reaches the master, everybody else does',
    mustSee: [cutOff, failover],
    async run(chaos) {
      await chaos.cut(chaos.sentinels, [await chaos.master()], 8_000);
      await chaos.rest(4_000);
    },
  },
  {
    ...ON_THE_NETWORK,
    name: 'minority',
    row: '11',
    what: 'master, one replica and one instance cut off from the rest, with clients on both sides',
    mustSee: [cutOff, failover, unconfirmed],
    async run(chaos) {
      const { master, replicas } = await chaos.roles();
      const [ours, ...theirs] = chaos.dice.deal(chaos.instances);
      await chaos.cut(
        [master, replicas[0], ours],
        [replicas[1], ...chaos.sentinels, ...chaos.keepers, ...theirs],
        10_000,
      );
      await chaos.rest(4_000);
    },
  },
  {
    ...ON_THE_NETWORK,
    name: 'minority-with-sentinel',
    row: '11',
    what: 'master, one Sentinel and one instance cut off from the rest, with clients on both sides',
    mustSee: [cutOff, failover, unconfirmed],
    async run(chaos) {
      const { master, replicas } = await chaos.roles();
      const [ours, ...theirs] = chaos.dice.deal(chaos.instances);
      const [watcher, ...watchers] = chaos.dice.deal(chaos.sentinels);
      await chaos.cut([master, watcher, ours], [...replicas, ...watchers, ...chaos.keepers, ...theirs], 10_000);
      await chaos.rest(4_000);
    },
  },
  {
    ...ON_THE_NETWORK,
    name: 'one-way',
    row: '12',
    what: 'one-way cuts between random parts, 0.5 to 5 s each, eight times',
    mustSee: [cutOff, unconfirmed],
    async run(chaos) {
      for (let i = 0; i < 8; i++) {
        const [from, to] = chaos.dice.shuffle(chaos.hosts) as [Host, Host];
        // Half of the time it is the master who is not heard: that is where it hurts.
        const sender = i % 2 === 0 ? await chaos.master() : from;
        const ms = Math.round(chaos.dice.between(500, 5_000));
        chaos.fault(`nothing from ${sender.host} reaches ${to.host} for ${ms / 1000} s`);
        await chaos.network.cutOneWay([sender], sender === to ? [from] : [to]);
        await chaos.rest(ms);
        await chaos.heal();
        await chaos.rest(chaos.dice.between(200, 1_500));
      }
    },
  },
  {
    ...ON_THE_NETWORK,
    name: 'flapping',
    row: '12',
    what: 'random pairs cut for 0.2 to 5 s, ten times',
    mustSee: [cutOff, unconfirmed],
    async run(chaos) {
      for (let i = 0; i < 10; i++) {
        const [a, b] = chaos.dice.shuffle(chaos.hosts) as [Host, Host];
        const first = i % 2 === 0 ? await chaos.master() : a;
        await chaos.cut([first], first === b ? [a] : [b], Math.round(chaos.dice.between(200, 5_000)));
        await chaos.rest(chaos.dice.between(100, 1_000));
      }
    },
  },
];
