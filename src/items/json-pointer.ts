// JSON pointers (RFC 6901) to places in what a client sent.

const MAX_NAME_LENGTH = 100;

/**
 * The pointer to the value that these names and indexes lead to. Names are cut and made well-formed, because a client may
 * send any.
 */
export function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${escapeName(String(step))}`).join('');
}

/** RFC 6901, section 3. */
function escapeName(name: string): string {
  return name.slice(0, MAX_NAME_LENGTH).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1');
}
