// Reads the result of one content of a batch or a stream.
import type { BatchResult, Item, ProblemDetail } from './contract.ts';
import { UnreachableError } from './errors.ts';

type Wire = {
  readonly status?: unknown;
  readonly replayed?: unknown;
  readonly item?: Item;
  readonly id?: unknown;
  readonly code?: unknown;
  readonly detail?: unknown;
  readonly errors?: unknown;
};

/** Throws an `UnreachableError` for what is no result: then something on the way has changed or cut it. */
export function readResult(wire: unknown): BatchResult {
  const { status, replayed, item, id = item?.id, code, detail, errors } = (wire ?? {}) as Wire;
  const isDuplicate = status === 200 || (status === 409 && code === 'duplicate-item');
  if (isDuplicate || status === 201) {
    if (typeof id !== 'string') throw new UnreachableError('no answer: a result without an id');
    const kind = isDuplicate ? 'duplicate' : replayed === true ? 'replayed' : 'saved';
    return item === undefined ? { kind, id } : { kind, id, item };
  }
  if (typeof status !== 'number') throw new UnreachableError('no answer: a result without a status');
  return {
    kind: 'failed',
    status,
    code: typeof code === 'string' ? code : `http-${status}`,
    detail: typeof detail === 'string' ? detail : '',
    errors: Array.isArray(errors) ? (errors as ProblemDetail[]) : [],
  };
}

/** The same from a line of NDJSON. */
export function readResultLine(bytes: Uint8Array): BatchResult {
  let wire: unknown;
  try {
    wire = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new UnreachableError('no answer: a result line is not JSON');
  }
  return readResult(wire);
}
