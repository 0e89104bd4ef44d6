// Reads a problem out of an answer and checks everything that all problems have, by RFC 9457 and the design.
import type { LightMyRequestResponse } from 'fastify';
import { expect } from 'vitest';

export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  readonly requestId: string;
  readonly errors?: readonly { readonly detail: string; readonly pointer?: string; readonly parameter?: string }[];
  readonly item?: unknown;
  readonly state?: string;
  readonly storeReachable?: boolean;
  /** Of a lookup that found nothing. */
  readonly kind?: string;
  readonly canonical?: string;
  readonly sha256?: string;
};

type Answer = { readonly statusCode: number; readonly headers: Record<string, unknown>; readonly body: string };

/** The problem in an answer, which must be the one with this status and code if they are given. */
export function problemOf(response: LightMyRequestResponse, status = response.statusCode, code?: string): Problem {
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json(; charset=utf-8)?$/);
  return problemInBody(response, response.raw.req.url?.split('?', 1)[0] ?? '', status, code);
}

/** The same for an answer from anywhere; `instance` is the path that was asked for. */
export function problemInBody(answer: Answer, instance: string, status = answer.statusCode, code?: string): Problem {
  const problem = JSON.parse(answer.body) as Problem;
  const { errors, item, kind, canonical, sha256, state, storeReachable, ...members } = problem;
  expect(members).toEqual({
    type: `/problems/${code ?? problem.code}`,
    title: expect.stringMatching(/^[A-Z]/) as string,
    status,
    detail: expect.stringMatching(/\S/) as string,
    instance,
    code: code ?? problem.code,
    requestId: answer.headers['x-request-id'],
  });
  expect(answer.statusCode).toBe(status);
  expect(problem.requestId).toMatch(/^[A-Za-z0-9._:+/=@-]{1,128}$/);
  expect(errors !== undefined).toBe(problem.code === 'validation-failed');
  expect(item !== undefined).toBe(problem.code === 'duplicate-item');
  expect([state, storeReachable].map((member) => member !== undefined)).toEqual(
    problem.code === 'not-ready' ? [true, true] : [false, false],
  );
  const isLookup = problem.code === 'item-not-found' && instance.endsWith('/lookup');
  expect([kind, canonical, sha256].filter((member) => member !== undefined)).toHaveLength(isLookup ? 3 : 0);
  return problem;
}
