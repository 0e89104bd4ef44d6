// The logger: what it leaves out whoever passes it, and when lines are written.
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineGatherer } from '../../src/observability/line-gatherer.ts';
import { createLogger, logPlain } from '../../src/observability/logger.ts';

const MARK = 'hunter2';

/** What is logged of these fields. */
function logged(fields: Record<string, unknown>): { text: string; line: Record<string, unknown> } {
  let text = '';
  createLogger('info', { write: (line) => (text += line) }).info(fields, 'said');
  return { text, line: JSON.parse(text) as Record<string, unknown> };
}

const hostile = (more: object, options?: ErrorOptions) => Object.assign(new TypeError('failed', options), more);

test.each<[string, Error]>([
  ['headers', hostile({ headers: { authorization: MARK }, req: { headers: { cookie: MARK } } })],
  ['arguments of a command', hostile({ command: { name: 'evalsha', args: [MARK] }, args: [MARK] })],
  ['a body, a password and whatever else', hostile({ body: MARK, password: MARK, value: MARK, [MARK]: 1 })],
  ['a code that is none', hostile({ code: { text: MARK } })],
  ['a cause', new TypeError('failed', { cause: hostile({ body: MARK }) })],
  ['several errors', hostile({ errors: [hostile({ body: MARK }), { body: MARK }] })],
])('of an error, %s are not logged, under whatever name', (_name, error) => {
  for (const name of ['err', 'failure']) {
    const { text, line } = logged({ [name]: error });
    expect(text).not.toContain(MARK);
    expect(line[name]).toMatchObject({ type: 'TypeError', stack: expect.stringMatching(/\n +at /) as string });
    expect((line[name] as { message: string }).message).toMatch(/^failed/);
  }
});

test.each<[string, unknown]>([
  ['an object', { password: MARK }],
  ['an array', [MARK]],
  ['a request', { method: 'GET', headers: { authorization: MARK }, socket: {} }],
])('%s is not logged', (_name, value) => {
  expect(logged({ value, before: 1 }).text).not.toContain(MARK);
  expect(logged({ value, before: 1 }).line).toMatchObject({ value: '[object]', before: 1, msg: 'said' });
});

test('of an error, code, command and the errors in it are logged', () => {
  const inner = hostile({ code: 'ECONNREFUSED' });
  expect(logged({ err: hostile({ code: 'E', command: { name: 'get' }, errors: [inner] }) }).line).toMatchObject({
    err: { code: 'E', command: 'get', aggregateErrors: [{ message: 'failed', code: 'ECONNREFUSED' }] },
  });
});

test('the lines of one turn are written together and in order, behind it', async () => {
  const writes: string[] = [];
  const out = new LineGatherer({ write: (lines) => void writes.push(lines) });
  out.write('a\n');
  out.write('b\n');
  expect(writes).toEqual([]);
  await setImmediate();
  expect(writes).toEqual(['a\nb\n']);
  out.write('c\n');
  await setImmediate();
  expect(writes).toEqual(['a\nb\n', 'c\n']);
});

test('a turn that logs much does not wait for its end', async () => {
  const writes: string[] = [];
  const out = new LineGatherer({ write: (lines) => void writes.push(lines) });
  const line = `${'x'.repeat(999)}\n`;
  for (let i = 0; i < 200; i++) out.write(line);
  expect(writes.length).toBeGreaterThan(1);
  await setImmediate();
  expect(writes.join('')).toBe(line.repeat(200));
});

test('a fatal line and all before it are written at once, and so is everything at a flush', () => {
  let text = '';
  const logger = createLogger('info', new LineGatherer({ write: (lines) => (text += lines) }));
  logger.info('first');
  logger.fatal('second');
  expect(text).toMatch(/first.*\n.*second.*\n$/);
  logger.info('third');
  expect(text).not.toMatch(/third/);
  logger.flush();
  expect(text).toMatch(/third/);
});

const withoutTime = (line = ''): string => line.replace(/,"time":"[^"]+"/, '');

test('plain fields make the line that the logger itself makes of them', () => {
  const names = fc
    .stringMatching(/^[a-z]{1,8}$/)
    .filter((name) => !['level', 'time', 'pid', 'msg', 'err'].includes(name));
  const values = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  fc.assert(
    fc.property(fc.dictionary(names, values, { noNullPrototype: true }), (fields) => {
      const lines: string[] = [];
      const logger = createLogger('info', { write: (line) => void lines.push(line) });
      logger.info(fields, 'said');
      logPlain(logger, { ...fields, msg: 'said' });
      expect(withoutTime(lines[1])).toBe(withoutTime(lines[0]));
      expect(lines[1]).toMatch(/^\{"level":"info","time":"\d{4}-\d\d-\d\dT[\d:.]{12}Z","pid":\d+,/);
    }),
  );
});

test('plain fields are not logged below their level', () => {
  let text = '';
  logPlain(createLogger('warn', { write: (line) => (text += line) }), { msg: 'said' });
  expect(text).toBe('');
});
