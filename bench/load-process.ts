// Makes load over HTTP, in a process of its own so that its work is not counted as anybody else's.
import { setTimeout as sleep } from 'node:timers/promises';
import { HttpConnection } from './http-connection.ts';
import type { LoadJob, LoadResult } from './load-job.ts';
import { Measurement } from './measurement.ts';
import { requestsOf } from './requests.ts';

/** Timers are no more exact than this. */
const TICK_MS = 1;
/** What is kept from being a busy loop when nobody listens. */
const PAUSE_AFTER_ERROR_MS = 5;

/** Every connection sends its next request when it has the answer to the last one. */
async function asFastAsAnswered(job: LoadJob, connections: HttpConnection[], measured: Measurement): Promise<void> {
  const nextRequest = requestsOf(job);
  const endMs = performance.now() + job.durationMs;
  const repeat = (connection: HttpConnection): Promise<void> =>
    new Promise((resolve) => {
      const next = (): void => {
        const sentMs = performance.now();
        if (sentMs >= endMs) {
          resolve();
          return;
        }
        connection.send(nextRequest(), (status) => {
          measured.add(status, sentMs);
          if (status === 0) setTimeout(next, PAUSE_AFTER_ERROR_MS);
          else next();
        });
      };
      next();
    });
  await Promise.all(connections.map(repeat));
}

/** Requests come due at a fixed rate; one that finds no connection free waits, and its wait counts. */
async function atRate(
  job: LoadJob,
  connections: HttpConnection[],
  measured: Measurement,
  perSecond: number,
): Promise<void> {
  const nextRequest = requestsOf(job);
  const free = [...connections];
  const waiting: number[] = [];
  const sendWaiting = (): void => {
    while (waiting.length > 0 && free.length > 0) {
      const connection = free.pop()!;
      const dueMs = waiting.shift()!;
      connection.send(nextRequest(), (status) => {
        measured.add(status, dueMs);
        free.push(connection);
        sendWaiting();
      });
    }
  };
  const startedMs = performance.now();
  for (let due = 0, elapsedMs = 0; elapsedMs < job.durationMs; elapsedMs = performance.now() - startedMs) {
    for (; due < (elapsedMs / 1_000) * perSecond; due++) waiting.push(startedMs + (due / perSecond) * 1_000);
    sendWaiting();
    await sleep(TICK_MS);
  }
  while (waiting.length > 0 || free.length < connections.length) await sleep(TICK_MS);
}

async function run(job: LoadJob): Promise<LoadResult> {
  const connections = Array.from({ length: job.connections }, () => new HttpConnection(job.url));
  const measured = new Measurement();
  if (job.perSecond === undefined) await asFastAsAnswered(job, connections, measured);
  else await atRate(job, connections, measured, job.perSecond);
  for (const connection of connections) connection.close();
  return measured.result();
}

process.on('message', (job: LoadJob) => {
  void run(job).then((result) => process.send?.(result));
});
