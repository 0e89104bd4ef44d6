// An alert on its whole way: found by Prometheus, grouped by Alertmanager, received by a webhook.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ComposeStack, defineStack, dockerAnswers } from '../support/compose.ts';

// That the engine must be there with REQUIRE_DOCKER=1 is said by compose.test.ts.
const docker = dockerAnswers();

type Received = { readonly status: string; readonly alertname: string; readonly [name: string]: string };
type KnownAlert = {
  readonly labels: { readonly alertname: string; readonly job?: string };
  readonly status: { readonly inhibitedBy: string[] };
};

let stack: ComposeStack;

/** What the webhook was sent. */
async function received(): Promise<Received[]> {
  const lines = (await stack.compose('logs', '--no-color', '--no-log-prefix', 'alert-log')).split('\n');
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Received);
}

/** How many other alerts hold this one back; undefined as long as it does not fire. */
async function causesOf(name: string, job?: string): Promise<number | undefined> {
  const answer = await fetch(`${stack.alertmanagerUrl}/api/v2/alerts`);
  const alerts = (await answer.json()) as KnownAlert[];
  return alerts.find(({ labels }) => labels.alertname === name && labels.job === job)?.status.inhibitedBy.length;
}

/** Says that an alert fires, as Prometheus would. */
async function report(labels: KnownAlert['labels']): Promise<void> {
  const answer = await fetch(`${stack.alertmanagerUrl}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([{ labels }]),
  });
  expect(answer.status).toBe(200);
}

describe.skipIf(!docker)('alerts of docker compose (needs a Docker engine)', () => {
  // No instance runs, which is what is to be told.
  beforeAll(async () => {
    stack = await defineStack();
    await stack.compose('up', '--wait', 'prometheus', 'alertmanager', 'alert-log');
  });
  afterAll(() => stack.remove());
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') console.error(await stack.logs());
  });

  test('Alertmanager finds no fault with its configuration', async () => {
    const [container] = await stack.containers('alertmanager');
    const said = await stack.exec(container!, 'amtool', 'check-config', '/etc/alertmanager/alertmanager.yml');
    expect(said).toContain('SUCCESS');
  });

  test('one that fires arrives, with what to do about it', async () => {
    await expect
      .poll(async () => (await received()).find(({ alertname }) => alertname === 'NoInstance'), eventually)
      .toMatchObject({ status: 'firing', severity: 'page', runbook_url: 'docs/runbook.md#noinstance' });
    await expect
      .poll(async () => (await received()).map(({ alertname }) => alertname), eventually)
      .toContain('Watchdog');
  });

  test('one that is only its consequence is held back', async () => {
    await expect.poll(() => causesOf('InstancesMissing'), eventually).toBe(1);
    expect((await received()).map(({ alertname }) => alertname)).not.toContain('InstancesMissing');
  });

  test('as long as an outage is known, so are failed and slow saves; and of that nobody is told', async () => {
    await expect.poll(() => causesOf('OutageKnown'), eventually).toBe(0);
    await report({ alertname: 'AvailabilityBurnsFast' });
    await report({ alertname: 'AcknowledgementsFail' });
    await expect.poll(() => causesOf('AvailabilityBurnsFast'), eventually).toBe(1);
    await expect.poll(() => causesOf('AcknowledgementsFail'), eventually).toBe(1);
    expect((await received()).map(({ alertname }) => alertname)).not.toContain('OutageKnown');
  });

  test('that a keeper does not answer is held back when none looks, that an exporter does not is told', async () => {
    await expect.poll(() => causesOf('KeeperDown'), eventually).toBe(0);
    await report({ alertname: 'ScrapeFails', job: 'keeper' });
    await report({ alertname: 'ScrapeFails', job: 'other' });
    await expect.poll(() => causesOf('ScrapeFails', 'keeper'), eventually).toBe(1);
    expect(await causesOf('ScrapeFails', 'other')).toBe(0);
  });

  test.each([
    ['RedisNoMaster', 'RedisNodeDown'],
    ['RedisEvicts', 'StoredKeysLost'],
    ['RedisEvicts', 'RedisMayEvict'],
  ])('%s holds back %s', async (cause, consequence) => {
    await report({ alertname: cause });
    await report({ alertname: consequence });
    await expect.poll(() => causesOf(consequence), eventually).toBe(1);
  });
});

const eventually = { timeout: 200_000, interval: 500 };
