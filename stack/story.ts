// What `npm run up` says once everything is up: what to try, and what to break.
import type { Stack } from './stack.ts';

/** Four requests that show what the service is for. */
export function whatToTry(url: string): string {
  const post = `curl -i ${url}/v1/items -H 'content-type: application/json' -d '{"content":"hello"}'`;
  return `Try this in another terminal:

  # 201: saved. Location is its address.
  ${post}
  # 409: the same content again; the answer carries the item that it duplicates.
  ${post}
  # The item by its id: put the id of the answers above in the place of ID.
  curl -i ${url}/v1/items/ID
  # All items.
  curl -i ${url}/v1/items

  # What happens now, for a browser: rates, instances, who is master.
  ${url}/status

  # The same few contents many times in parallel, and what was recorded of them.
  npm run demo${url.endsWith(':8080') ? '' : ` -- --url ${url}`}`;
}

/** The processes with their ids, so that a person can kill them. */
export function whatToKill(stack: Stack, masterName: string, logDir: string): string {
  const lines = stack.parts.map(({ name, pid }) =>
    `  ${name.padEnd(12)} ${String(pid).padEnd(8)}${name === masterName ? 'the master' : ''}`.trimEnd(),
  );
  return `Kill any of them (kill -9 PID): what dies is started again after a second.

${lines.join('\n')}

Logs: ${logDir}
Ctrl-C stops everything.`;
}
