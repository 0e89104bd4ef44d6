// The scripts with a check taken out differ from the real one in that check alone.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  controlledScript,
  SCRIPT_CONTROLS,
  withoutIndexCheck,
  withoutReplayCheck,
  withoutTokenCheck,
} from '../../chaos/script-control.ts';

const script = readFileSync(new URL('../../src/redis/save-items.lua', import.meta.url), 'utf8');

test.each([
  ['no-index', withoutIndexCheck, 'local id = false'],
  ['no-token', withoutTokenCheck, 'elseif false then'],
  ['no-replay', withoutReplayCheck, "source, creator = entry[2][4]:match(META), 'forgotten'"],
] as const)('%s changes one line', (control, change, line) => {
  const lines = script.split('\n');
  const changed = change().split('\n');
  expect(changed).toHaveLength(lines.length);
  expect(changed.filter((text, i) => text !== lines[i]).map((text) => text.trim())).toEqual([line]);
  expect(controlledScript(control)).toBe(changed.join('\n'));
});

test.each(SCRIPT_CONTROLS)('%s refuses a script in which it does not find its line exactly once', (control) => {
  expect(() => controlledScript(control, 'return 1')).toThrow(/0 times, expected once/);
  expect(() => controlledScript(control, `${script}\n${script}`)).toThrow(/2 times, expected once/);
});

test('an unknown control is refused by name', () => {
  expect(() => controlledScript('no-luck')).toThrow(
    'CHAOS_CONTROL must be one of no-index, no-token, no-replay, not "no-luck".',
  );
});
