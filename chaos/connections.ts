// Finds a connection of an instance among all that a Redis node has.
import type { RedisNode } from '../stack/redis-node.ts';
import { waitFor } from '../stack/wait.ts';
import type { Chaos } from './chaos.ts';
import type { Host } from './network.ts';

/** From which port the instance sends its commits: other connections stay whole, so that it gets as far as that. */
export async function commitPort(chaos: Chaos, master: RedisNode, { host }: Host): Promise<number> {
  const find = async (): Promise<number | null> => {
    const clients = String(await chaos.ask(master, 'CLIENT', 'LIST', 'TYPE', 'normal'));
    const line = clients.split('\n').find((one) => one.includes(` addr=${host}:`) && one.includes('name=items-commit'));
    return line === undefined ? null : Number(/ addr=[^ ]+:(\d+) /.exec(line)?.[1]);
  };
  return waitFor(find, { timeoutMs: 20_000, what: `${host} did not connect to ${master.name}` });
}
