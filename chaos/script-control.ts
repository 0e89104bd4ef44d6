// The save script with one of its checks taken out: a checker that still finds nothing wrong is blind.
import { readFileSync } from 'node:fs';

const SAVE_SCRIPT = new URL('../src/redis/save-items.lua', import.meta.url);

type Change = { readonly from: string; readonly to: string };

const CHANGES = {
  // Every save appends, whether the content is known or not.
  'no-index': { from: "local id = redis.call('HGET', index, digest)", to: 'local id = false' },
  // A writer whose lock somebody else now holds is let in. Clients do not see it, because the index still decides: what
  // changes is the count of `fenced`, and such a run has to be as right as any other.
  'no-token': { from: 'if holder and holder ~= lockToken then', to: 'if false then' },
  // The store forgets who saved an item, so that a retry looks like a second save.
  'no-replay': {
    from: 'source, creator = entry[2][4]:match(META)',
    to: "source, creator = entry[2][4]:match(META), 'forgotten'",
  },
} as const satisfies Record<string, Change>;

/** The checks that can be taken out, as in CHAOS_CONTROL. */
export type ScriptControl = keyof typeof CHANGES;

export const SCRIPT_CONTROLS = Object.keys(CHANGES) as readonly ScriptControl[];

/** The script that appends a content even when its index knows it; throws as `changedOnce` does. */
export const withoutIndexCheck = (script = readSaveScript()): string => changedOnce(script, CHANGES['no-index']);

/** The script that takes no notice of who holds the lock (the fencing token); throws as `changedOnce` does. */
export const withoutTokenCheck = (script = readSaveScript()): string => changedOnce(script, CHANGES['no-token']);

/** The script that does not tell with which request token an item was saved; throws as `changedOnce` does. */
export const withoutReplayCheck = (script = readSaveScript()): string => changedOnce(script, CHANGES['no-replay']);

/** The script for a value of CHAOS_CONTROL; throws for one that is not among `SCRIPT_CONTROLS`. */
export function controlledScript(control: string, script = readSaveScript()): string {
  const change = Object.entries(CHANGES).find(([name]) => name === control)?.[1];
  if (change === undefined) {
    throw new Error(`CHAOS_CONTROL must be one of ${SCRIPT_CONTROLS.join(', ')}, not "${control}".`);
  }
  return changedOnce(script, change);
}

function readSaveScript(): string {
  return readFileSync(SAVE_SCRIPT, 'utf8');
}

/** Throws unless the text stands there exactly once: a control that changes nothing would prove nothing. */
function changedOnce(script: string, { from, to }: Change): string {
  const parts = script.split(from);
  if (parts.length !== 2) throw new Error(`The script has "${from}" ${parts.length - 1} times, expected once.`);
  return parts.join(to);
}
