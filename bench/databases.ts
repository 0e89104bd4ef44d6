// Databases of the peers as local processes: PostgreSQL, and NATS servers with JetStream.
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, globSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingPrograms } from '../stack/local-launcher.ts';
import { NotInstalled } from './not-installed.ts';
import { pidsOf, type Workshop } from './workshop.ts';

export type Database = { readonly url: string; readonly pids: readonly number[] };

/**
 * PostgreSQL as it comes, every commit flushed to its disk (fsync and synchronous_commit are on), with 256 MB of shared
 * buffers instead of 128 MB.
 */
export async function startPostgres(workshop: Workshop): Promise<Database> {
  const bin = postgresPrograms();
  const dir = join(workshop.dir, 'postgres');
  const port = await workshop.ports.get('postgres-server');
  mkdirSync(dir);
  const asUser = userPrefix(dir);
  const run = (program: string, ...args: string[]): [string, ...string[]] =>
    [...asUser, join(bin, program), ...args] as [string, ...string[]];
  const [init, ...initArgs] = run(
    'initdb',
    '-D',
    join(dir, 'data'),
    '-U',
    'bench',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--no-sync',
  );
  execFileSync(init, initArgs, { stdio: 'pipe', cwd: dir });
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: dir,
    shared_buffers: '256MB',
    synchronous_commit: 'on',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const part = await workshop.start(
    'postgres-server',
    run('postgres', '-D', join(dir, 'data'), ...args),
    async () => {
      execFileSync(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', `${port}`], { stdio: 'pipe' });
      return true;
    },
    { dir },
  );
  return { url: `postgres://bench@127.0.0.1:${port}/postgres`, pids: pidsOf([part]) };
}

/** Debian keeps them where no PATH looks. */
function postgresPrograms(): string {
  const dirs = [...globSync('/usr/lib/postgresql/*/bin'), '/opt/homebrew/bin', '/usr/local/bin', '/usr/bin'];
  const dir = dirs.find((candidate) =>
    ['postgres', 'initdb', 'pg_isready'].every((name) => existsSync(join(candidate, name))),
  );
  if (dir === undefined) throw new NotInstalled('PostgreSQL is not installed.');
  return dir;
}

/** PostgreSQL refuses to run as root; its package has made a user. */
function userPrefix(dir: string): string[] {
  if (process.getuid?.() !== 0) return [];
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' })));
  if (uid === undefined || gid === undefined) throw new NotInstalled('There is no user postgres.');
  chownSync(dir, uid, gid);
  return ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'];
}

/** One NATS server with JetStream on files, or a cluster of several; `url` is that of the first. */
export async function startNats(workshop: Workshop, servers: 1 | 3): Promise<Database> {
  if (missingPrograms(['nats-server']).length > 0) throw new NotInstalled('nats-server is not installed.');
  const names = Array.from({ length: servers }, (_, i) => `nats-${servers}-${i + 1}`);
  const port = (name: string): Promise<number> => workshop.ports.get(name);
  const routes = await Promise.all(names.map(async (name) => `nats://127.0.0.1:${await port(`${name}-route`)}`));
  const parts = await Promise.all(
    names.map(async (name) => {
      const dir = join(workshop.dir, name);
      mkdirSync(dir);
      const monitor = await port(`${name}-monitor`);
      const config = [
        `server_name: ${name}`,
        `listen: "127.0.0.1:${await port(name)}"`,
        `http: "127.0.0.1:${monitor}"`,
        `jetstream { store_dir: "${dir}" }`,
      ];
      if (servers > 1) {
        const listen = `127.0.0.1:${await port(`${name}-route`)}`;
        config.push(
          `cluster { name: bench, listen: "${listen}", routes: [${routes.map((url) => `"${url}"`).join(', ')}] }`,
        );
      }
      writeFileSync(join(dir, 'nats.conf'), `${config.join('\n')}\n`);
      const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${monitor}/healthz`)).status === 200;
      return workshop.start(name, ['nats-server', '-c', join(dir, 'nats.conf')], isReady, { dir });
    }),
  );
  return { url: `nats://127.0.0.1:${await port(names[0] ?? '')}`, pids: pidsOf(parts) };
}
