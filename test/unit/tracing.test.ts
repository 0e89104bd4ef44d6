// What a save tells whoever traces it, station by station.
import { expect, test } from 'vitest';
import type { SaveTrace, SaveTracer } from '../../src/items/save-trace.ts';
import { holdCommits, setUp, UNREPLICATED } from '../support/save-queue.ts';
import { settle } from '../support/virtual-clock.ts';

/** A tracer that writes down what it is told, and traces with a name each. */
function record() {
  const told: string[] = [];
  const names = new Map<SaveTrace, string>();
  const tracer: SaveTracer = {
    commit(traces, contents) {
      told.push(`${traces.map((trace) => names.get(trace)).join('+')}: commit of ${contents}`);
      return {
        traceId: names.get(traces[0] as SaveTrace),
        lockAsked: () => void told.push('lock asked'),
        lockAnswered: (isGranted) => void told.push(isGranted ? 'lock granted' : 'lock held'),
        ended: ({ kind }) => void told.push(kind),
      };
    },
  };
  const trace = (name: string): SaveTrace => {
    const made: SaveTrace = {
      wait: (why, other) => void told.push(`${name}: ${why}${other === undefined ? '' : ` with ${names.get(other)}`}`),
    };
    names.set(made, name);
    return made;
  };
  return { told, tracer, trace };
}

test('the queue, a commit with its lock, and who joined', async () => {
  const { told, tracer, trace } = record();
  const { queue, request, store } = setUp({ tracer });
  const open = holdCommits(store);
  const first = queue.save(request('a', { trace: trace('one') }));
  await settle();
  const joined = queue.save(request('a', { trace: trace('two') }));
  open();
  await Promise.all([first, joined]);
  expect(told).toEqual([
    'one: queue',
    'one: commit of 1',
    'lock asked',
    'lock granted',
    'two: join with one',
    'confirmed',
  ]);
});

test('a commit names those in it that are traced, and counts all', async () => {
  const { told, tracer, trace } = record();
  const { queue, request } = setUp({ tracer });
  const traced = ['x', 'y'].map((name) => queue.save(request(name, { trace: trace(name) })));
  await Promise.all([...traced, queue.save(request('z'))]);
  expect(told).toContain('x+y: commit of 3');
});

test('a commit without anybody who is traced is none', async () => {
  const { told, tracer } = record();
  const { queue, request } = setUp({ tracer });
  await queue.save(request('a'));
  expect(told).toEqual([]);
});

test('how long a commit took is told with the trace that shows it, and without one when nobody is traced', async () => {
  const { tracer, trace } = record();
  const { queue, request, seen } = setUp({ tracer });
  await queue.save(request('a', { trace: trace('first') }));
  await queue.save(request('b'));
  expect(seen.traces).toEqual(['first', undefined]);
});

test('a round that is not confirmed, and the pause before the next, which keeps the lock', async () => {
  const { told, tracer, trace } = record();
  const { queue, request, store, clock } = setUp({ tracer });
  store.faults.push({ when: 'after', result: UNREPLICATED });
  const save = queue.save(request('a', { trace: trace('a') }));
  await clock.advance(1_000);
  expect(await save).toMatchObject({ kind: 'saved' });
  expect(told).toEqual([
    'a: queue',
    'a: commit of 1',
    'lock asked',
    'lock granted',
    'unknown',
    'a: retry',
    'a: commit of 1',
    'confirmed',
  ]);
});

test('a lock that is held elsewhere', async () => {
  const { told, tracer, trace } = record();
  const { queue, request, redis, clock } = setUp({ tracer });
  const { key } = request('held');
  redis.holders.set(key.hex, 'elsewhere');
  const save = queue.save(request('held', { trace: trace('a') }));
  await clock.advance(1);
  redis.holders.delete(key.hex);
  await clock.advance(1_000);
  expect(await save).toMatchObject({ kind: 'saved' });
  expect(told).toEqual([
    'a: queue',
    'a: commit of 1',
    'lock asked',
    'lock held',
    'confirmed',
    'a: lock',
    'a: queue',
    'a: commit of 1',
    'confirmed',
  ]);
});
