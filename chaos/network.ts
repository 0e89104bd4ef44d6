// Cuts between addresses of a private network: packets vanish, as behind a dead switch, and nobody is told.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Anything with an address: a Redis node, a Sentinel, an instance. */
export type Host = { readonly host: string };

/** The packet filter of the namespace that this process runs in. */
export class Network {
  /** From now on nothing gets from one side to the other, in either direction. */
  async cut(a: readonly Host[], b: readonly Host[]): Promise<void> {
    await this.#add([...pairs(a, b), ...pairs(b, a)], 'DROP');
  }

  /** What `from` sends does not reach `to`, or only that port of it; the other direction stays open. */
  async cutOneWay(from: readonly Host[], to: readonly Host[], toPort?: number): Promise<void> {
    await this.#add(pairs(from, to, toPort), 'DROP');
  }

  /** What `from` sends does not reach `to`, and resets the connection at its sender. */
  async reset(from: readonly Host[], to: readonly Host[], toPort?: number): Promise<void> {
    await this.#add(pairs(from, to, toPort), 'REJECT --reject-with tcp-reset');
  }

  /** Undoes every cut; returns how many packets they kept from their way: a cut that stopped nothing was none. */
  async heal(): Promise<number> {
    const { stdout } = await run('iptables', ['-w', '-nvxL', 'INPUT']);
    await run('iptables', ['-w', '-F', 'INPUT']);
    const rules = stdout.matchAll(/^ *(\d+) +\d+ +(?:DROP|REJECT) /gm);
    return rules.reduce((sum, [, packets]) => sum + Number(packets), 0);
  }

  /** All rules at once: a cut that comes bit by bit is another fault. */
  async #add(ways: readonly string[], target: string): Promise<void> {
    const rules = ways.map((way) => `-I INPUT 1 ${way} -j ${target}`);
    const restore = spawn('iptables-restore', ['-w', '--noflush'], { stdio: ['pipe', 'ignore', 'pipe'] });
    restore.stdin.end(`*filter\n${rules.join('\n')}\nCOMMIT\n`);
    const errors = restore.stderr.toArray();
    const [code] = (await once(restore, 'close')) as [number];
    if (code !== 0) throw new Error(`iptables-restore failed: ${Buffer.concat((await errors) as Buffer[]).toString()}`);
  }
}

function pairs(from: readonly Host[], to: readonly Host[], toPort?: number): string[] {
  const port = toPort === undefined ? '' : ` --dport ${toPort}`;
  return from.flatMap((a) => to.filter((b) => b.host !== a.host).map((b) => `-s ${a.host} -d ${b.host} -p tcp${port}`));
}
