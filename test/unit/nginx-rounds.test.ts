// When nginx sends a request on to the next round: the expressions of nginx.conf, on times as nginx writes them.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const NGINX = readFileSync(new URL('../../nginx.conf', import.meta.url), 'utf8');

/** What nginx.conf maps these to: how long the request takes so far, and each try of each round, in seconds. */
function nextOf(page: string, requestSeconds: number, rounds: readonly (readonly number[])[]): string | undefined {
  const [, body = ''] =
    new RegExp(`map "\\$request_time \\$upstream_response_time" \\$${page} \\{([^}]*)\\}`).exec(NGINX) ?? [];
  const tries = rounds.map((round) => round.map((seconds) => seconds.toFixed(3)).join(', ')).join(' : ');
  const value = `${requestSeconds.toFixed(3)} ${tries}`;
  const rules = [...body.matchAll(/"~(.*)" (.*);/g)].map(([, expression = '', to]) => ({ expression, to }));
  expect(rules.length).toBeGreaterThan(0);
  const found = rules.find(({ expression }) => new RegExp(expression).test(value));
  return found === undefined ? /default (.*);/.exec(body)?.[1] : found.to;
}

describe.each([
  ['bad_gateway_page', '/problem/bad-gateway'],
  ['timeout_page', '/problem/gateway-timeout'],
])('%s', (page, problem) => {
  test('sends a request on three times, and no more', () => {
    expect(nextOf(page, 0.1, [[0, 0.001]])).toBe('@again');
    expect(nextOf(page, 1.1, [[0, 1.001], [0.001]])).toBe('@again');
    expect(nextOf(page, 2.2, [[0, 1.001], [0.001, 1], [0]])).toBe('@again');
    expect(nextOf(page, 2.3, [[0, 1.001], [0.001, 1], [0], [0]])).toBe(problem);
  });

  test('sends nobody to a third round after 10 s, who waits for many that are gone', () => {
    const twelve = Array.from({ length: 12 }, () => 1.001);
    expect(nextOf(page, 12.1, [twelve])).toBe('@again');
    expect(nextOf(page, 24.2, [twelve, twelve])).toBe(problem);
    expect(nextOf(page, 9.999, [[1.001], [1.001]])).toBe('@again');
    expect(nextOf(page, 10, [[1.001], [1.001]])).toBe(problem);
    expect(nextOf(page, 100, [[1.001], [1.001]])).toBe(problem);
  });

  test('sends on who took long to send the body', () => {
    expect(nextOf(page, 34.1, [[0.001]])).toBe('@again');
    expect(nextOf(page, 340.1, [[0.001]])).toBe('@again');
  });
});

test('who waited for an instance that hangs is sent on when the list changed meanwhile, and not when it timed out', () => {
  expect(nextOf('bad_gateway_page', 20.1, [[20.002, 0]])).toBe('@again');
  expect(nextOf('timeout_page', 20.1, [[20.002]])).toBe('/problem/gateway-timeout');
  expect(nextOf('timeout_page', 21.1, [[0], [20.002, 1.001]])).toBe('/problem/gateway-timeout');
});
