// The compose file as its users meet it: over HTTP through nginx, while instances come, go and die.
import { describe, expect, test } from 'vitest';
import { type ComposeStack, defineStack, dockerAnswers } from '../support/compose.ts';
import { withComposeStack } from '../support/compose-hooks.ts';
import { EventStream } from '../support/event-stream.ts';
import { inParallel, post, startLoad } from '../support/http-load.ts';
import type { Load } from '../support/http-load.ts';
import { listAll, type StoredItem } from '../support/list-all.ts';
import { byInstance, instancesUp } from '../support/prometheus.ts';

const docker = dockerAnswers();
if (!docker) console.warn('docker compose tests are skipped: no Docker engine answers');
if (!docker && process.env['REQUIRE_DOCKER'] === '1') throw new Error('REQUIRE_DOCKER=1, and no Docker engine answers');

let stack: ComposeStack;
/** Every content that any test got a 201 for. */
const acknowledged: string[] = [];
/** Every content that a client was left in doubt about. */
const unknown: string[] = [];

describe.skipIf(!docker)('docker compose (needs a Docker engine)', () => {
  withComposeStack(async () => (stack = await defineStack()), 4);

  test('the image runs as an ordinary user, on production dependencies only, and cannot be changed', async () => {
    const [api] = await stack.containers('api');
    expect(api).toBeDefined();
    expect(await stack.exec(api!, 'id', '-un')).toBe('node');
    expect((await stack.exec(api!, 'ls', '-A', '/app')).split('\n')).toEqual(['node_modules', 'package.json', 'src']);
    const packages = (await stack.exec(api!, 'ls', 'node_modules')).split('\n');
    expect(packages).toContain('fastify');
    expect(
      packages.filter((name) => ['vitest', 'typescript', 'testcontainers', 'node', 'oxlint'].includes(name)),
    ).toEqual([]);
    await expect(stack.exec(api!, 'touch', '/app/src/changed')).rejects.toThrow('Read-only file system');
  });

  test('an item goes in once and comes out again', async () => {
    const first = await post(stack.url, 'once');
    expect(first.status).toBe(201);
    const item = (await first.json()) as StoredItem;
    expect(item).toMatchObject({ content: 'once', source: 'anonymous' });
    acknowledged.push('once');

    const again = await post(stack.url, 'once');
    expect(again.status).toBe(409);
    expect(again.headers.get('content-type')).toContain('application/problem+json');
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect(await again.json()).toMatchObject({ code: 'duplicate-item', item });

    const read = await fetch(new URL(first.headers.get('location')!, stack.url));
    expect(read.status).toBe(200);
    expect(await read.json()).toEqual(item);
    expect(await listAll(stack.url)).toEqual([item]);
  });

  test('metrics stay inside: nginx does not hand them out', async () => {
    const answer = await fetch(`${stack.url}/metrics`);
    expect(answer.status).toBe(404);
    expect(await answer.text()).not.toContain('# TYPE');
  });

  test('only nginx and Prometheus have a port on the host, and Prometheus only for the host itself', async () => {
    const all = (await Promise.all((await stack.services()).map(stack.containers))).flat();
    const published = (await Promise.all(all.map(({ id }) => stack.docker('port', id)))).flatMap((ports) =>
      ports.split('\n'),
    );
    const outside = published.filter((line) => line !== '' && !line.includes('-> 127.0.0.1:'));
    expect(outside.filter((line) => !line.startsWith('8080/tcp'))).toEqual([]);
    expect(published.filter((line) => line.startsWith('9090/tcp'))).toHaveLength(1);
  });

  test('the status page of all instances is on a port of its own, for the host itself', async () => {
    const all = (await Promise.all((await stack.services()).map(stack.containers))).flat();
    const published = (await Promise.all(all.map(({ id }) => stack.docker('port', id)))).join('\n');
    expect(published.match(/^8082\/tcp -> .*$/gm)).toEqual([expect.stringContaining('-> 127.0.0.1:')]);
    const page = await fetch(`${stack.statusUrl}/status`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect((await fetch(`${stack.statusUrl}/metrics`)).status).toBe(404);
    await using stream = await EventStream.open(`${stack.statusUrl}/status/events`);
    const { length } = (await stack.containers('api')).filter(({ running }) => running);
    for (let seen = 0; seen !== length;) {
      const snapshot = await stream.nextItem<{ instances: unknown[] }>();
      if (snapshot === null) throw new Error(`the stream ended after ${seen} of ${length} instances`);
      seen = snapshot.instances.length;
    }
  });

  test('2,000 parallel posts of 50 contents are 50 times 201 and otherwise 409', async () => {
    const contents = Array.from({ length: 50 }, (_, n) => `storm-${n}`);
    const answers = await inParallel(2_000, async (n) => {
      const content = contents[n % contents.length]!;
      const answer = await post(stack.url, content);
      await answer.arrayBuffer();
      return { content, status: answer.status };
    });
    const created = answers.filter(({ status }) => status === 201).map(({ content }) => content);
    expect(created.toSorted()).toEqual(contents.toSorted());
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(2_000 - contents.length);
    const listed = (await listAll(stack.url))
      .map(({ content }) => content)
      .filter((content) => content.startsWith('storm-'));
    expect(listed.toSorted()).toEqual(contents.toSorted());
    acknowledged.push(...created);
  });

  test('Prometheus finds every instance', async () => {
    const targets = await runningTargets();
    expect(targets).toHaveLength(4);
    await expect.poll(() => instancesUp(stack.prometheusUrl, 'items'), eventually).toEqual(targets);
  });

  test('scaling down and up under load costs no client an error, and new instances take their part', async () => {
    const load = startLoad(stack.url, 'scale');
    await stack.scale(2);
    await everyInstanceServes(2);
    await stack.scale(6);
    await everyInstanceServes(6);
    expect(await failuresOf(load)).toEqual({});
  });

  test('nor does scaling down to a single one: who waits for one that is gone is sent to it', async () => {
    const load = startLoad(stack.url, 'single');
    await stack.scale(1);
    await everyInstanceServes(1);
    await stack.scale(6);
    await everyInstanceServes(6);
    expect(await failuresOf(load)).toEqual({});
  });

  test('killing an instance under load costs no client an error, and it can be started again', async () => {
    const load = startLoad(stack.url, 'kill');
    const [victim] = await stack.containers('api');
    // Docker takes `docker kill` for the operator's will: it does not restart what was killed that way.
    await stack.docker('kill', '--signal', 'KILL', victim!.id);
    await everyInstanceServes(5);
    await stack.scale(6);
    await everyInstanceServes(6);
    expect(await failuresOf(load)).toEqual({});
  });

  test('killing one of two instances under load costs no client an error', async () => {
    const load = startLoad(stack.url, 'one of two');
    await stack.scale(2);
    await everyInstanceServes(2);
    const [victim] = await stack.containers('api');
    await stack.docker('kill', '--signal', 'KILL', victim!.id);
    await everyInstanceServes(1);
    await stack.scale(6);
    await everyInstanceServes(6);
    expect(await failuresOf(load)).toEqual({});
  });

  test('an instance that crashes under load is restarted by the engine, and no client notices', async () => {
    const load = startLoad(stack.url, 'crash');
    const [victim] = await stack.containers('api');
    // From inside it is a crash; it takes the shell along, so that the exit code says nothing.
    await stack.exec(victim!, 'sh', '-c', 'kill -KILL -1').catch(() => undefined);
    await expect
      .poll(async () => (await stack.containers('api')).find(({ id }) => id === victim!.id)?.restarts, eventually)
      .toBe(1);
    await everyInstanceServes(6);
    expect(await failuresOf(load)).toEqual({});
  });

  test('when the Redis master is killed another node takes over, and until then clients are told to try again', async () => {
    const load = startLoad(stack.url, 'failover');
    const master = await masterName();
    await stack.compose('kill', '--signal', 'KILL', master);
    await expect.poll(masterName, eventually).not.toBe(master);
    await expect
      .poll(async () => (await post(stack.url, 'after the failover')).status, eventually)
      .toBeOneOf([201, 409]);
    acknowledged.push('after the failover');
    await stack.scale(6);
    await everyInstanceServes(6);
    const failures = Object.keys(await failuresOf(load));
    expect(failures.filter((kind) => !/^503 (store-unavailable|not-replicated)$/.test(kind))).toEqual([]);
  });

  test('after all of that every acknowledged content is stored, once', async () => {
    const stored = Map.groupBy(await listAll(stack.url), ({ content }) => content);
    const sent = new Set([...acknowledged, ...unknown]);
    expect({
      lost: acknowledged.filter((content) => !stored.has(content)),
      duplicate: [...stored].filter(([, items]) => items.length > 1),
      phantom: [...stored.keys()].filter((content) => !sent.has(content)),
    }).toEqual({ lost: [], duplicate: [], phantom: [] });
  });

  test('and no node and no Sentinel refused anything to anybody: each role has the rights that it needs', async () => {
    const logs = SET.map(async (address) => [address, await stack.operator(address, 'acl', 'log', '1000')]);
    expect(await Promise.all(logs)).toEqual(SET.map((address) => [address, '']));
  });
});

const SET = [1, 2, 3].flatMap((n) => [`redis-${n}:6379`, `sentinel-${n}:26379`]);

const eventually = { timeout: 60_000, interval: 250 };

async function runningTargets(): Promise<string[]> {
  const running = (await stack.containers('api')).filter((container) => container.running);
  return running.map(({ target }) => target).toSorted();
}

/** As Prometheus sees it: exactly the running instances are up, and each has saved something since it started. */
async function everyInstanceServes(count: number): Promise<void> {
  // One that the engine is about to start again counts as running, and has no address yet.
  const haveAddresses = async () => (await runningTargets()).filter((target) => !target.startsWith(':')).length;
  await expect.poll(haveAddresses, eventually).toBe(count);
  const targets = await runningTargets();
  expect(targets).toHaveLength(count);
  await expect.poll(() => instancesUp(stack.prometheusUrl, 'items'), eventually).toEqual(targets);
  await expect
    .poll(async () => {
      const saved = await byInstance(stack.prometheusUrl, 'sum by (instance) (item_saves_total{outcome="saved"}) > 0');
      return [...saved.keys()].toSorted();
    }, eventually)
    .toEqual(targets);
}

async function failuresOf(load: Load): Promise<Record<string, number>> {
  const { created, unknown: doubtful, failures } = await load.stop();
  acknowledged.push(...created);
  unknown.push(...doubtful);
  return failures;
}

async function masterName(): Promise<string> {
  return (await stack.operator('sentinel-1:26379', 'sentinel', 'get-master-addr-by-name', 'items')).split('\n')[0]!;
}
