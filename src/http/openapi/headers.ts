// The headers of requests and answers, as the document describes them.
import { z } from 'zod';

/** By name; an operation says which ones an answer always has and which ones it may have. */
export const HEADERS = {
  'X-Request-Id': z
    .string()
    .regex(/^[A-Za-z0-9._:+/=@-]{1,128}$/)
    .meta({ description: "The caller's when it is well formed, else a new one. In every log line of the request." }),
  Location: z
    .string()
    .regex(/^\/v1\/items\/[0-9-]+$/)
    .meta({ description: 'The address of the item.' }),
  ETag: z
    .string()
    .regex(/^(W\/)?"[^"]+"$/)
    .meta({
      description:
        'A validator (RFC 9110, section 8.8.3). Strong: the same bytes as long as it is the same. A proxy that compresses the answer on its way makes it weak; If-None-Match takes both.',
    }),
  'Cache-Control': z
    .enum(['no-cache', 'no-store'])
    .meta({ description: 'Whatever is kept must be asked for again before it is used: an item can be erased.' }),
  Link: z.string().meta({ description: 'The next page, rel="next" (RFC 8288).' }),
  Allow: z
    .string()
    .regex(/^[A-Z-]+(, [A-Z-]+)*$/)
    .meta({ description: 'The methods that this address takes.' }),
  'Retry-After': z
    .string()
    .regex(/^[1-9]\d*$/)
    .meta({ description: 'Seconds after which the same request may be sent again.' }),
  'WWW-Authenticate': z
    .string()
    .regex(/^Bearer realm="items"/)
    .meta({ description: 'What is asked for (RFC 6750, section 3).' }),
  'RateLimit-Policy': z
    .string()
    .regex(/^"default";q=\d+;w=\d+$/)
    .meta({
      description:
        'Where the instance limits its clients: a client may send q requests and items at once, and as many in every w seconds (draft-ietf-httpapi-ratelimit-headers-10).',
    }),
  RateLimit: z
    .string()
    .regex(/^"default";r=\d+;t=\d+$/)
    .meta({ description: 'How many are left to the client now (r), and in how many seconds there are more (t).' }),
  'Idempotent-Replayed': z
    .literal('true')
    .meta({ description: 'An earlier request with this Idempotency-Key saved the item.' }),
  'Preference-Applied': z.string().meta({ description: 'The preferences that were followed (RFC 7240, section 3).' }),
} as const;

export type HeaderName = keyof typeof HEADERS;

/** The headers of one kind of answer. X-Request-Id comes with all of them, and the limits where there are some. */
export function headersOf(always: readonly HeaderName[], sometimes: readonly HeaderName[] = []) {
  return z.object(
    Object.fromEntries([
      ...(['X-Request-Id', ...always] as const).map((name) => [name, HEADERS[name]]),
      ...(['RateLimit-Policy', 'RateLimit', ...sometimes] as const).map((name) => [name, HEADERS[name].optional()]),
    ]),
  );
}

/** Headers of requests; all of them may be left out. */
export const REQUEST_HEADERS = {
  'X-Request-Id': z
    .string()
    .optional()
    .meta({
      param: { id: 'X-Request-Id' },
      description: 'Names the request. One that is not 1 to 128 of A-Z a-z 0-9 . _ : + / = @ - is replaced.',
      examples: ['f81d4fae-7dec-11d0-a765-00a0c91e6bf6'],
    }),
  'Idempotency-Key': z
    .string()
    .min(1)
    .max(512)
    .optional()
    .meta({
      param: { id: 'Idempotency-Key' },
      description:
        'Makes a retry known as one: it gets the 201 of the item that it saved. 1 to 255 printable ASCII characters, bare or in double quotes ' +
        '(draft-ietf-httpapi-idempotency-key-header-07); both name the same key.',
      examples: ['order-17'],
    }),
  'If-None-Match': z
    .string()
    .optional()
    .meta({ param: { id: 'If-None-Match' }, description: 'ETags of what is there already, or *: then 304.' }),
  'Last-Event-ID': z
    .string()
    .optional()
    .meta({
      param: { id: 'Last-Event-ID' },
      description: 'The id of the last event that arrived. Wins over the parameter after.',
    }),
} as const;

/** The header Prefer with these preferences. */
export const prefer = (...preferences: readonly string[]) =>
  z
    .string()
    .optional()
    .meta({
      description: `RFC 7240. Understood here: ${preferences.join('; ')}.`,
      examples: [preferences.map((text) => text.split(' ', 1)[0]).join(', ')],
    });

export const LENIENT = 'handling=lenient answers a duplicate with 200 and the original';
export const MINIMAL = 'return=minimal has results name items by id only';
