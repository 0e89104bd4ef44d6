// The chaos suite in short: it sees red where something is taken out of the product, and green where nothing is.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { canCutNetworks } from '../../chaos/namespace.ts';
import { CONTROLS, type Control } from '../../chaos/controls.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NEED_CUTS: readonly Control[] = ['acks-0', 'acks-1', 'no-replay'];

type Run = { readonly code: number; readonly output: string };

function chaos(...flags: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const argv = ['chaos/run.ts', ...flags];
    const child = execFile(process.execPath, argv, { cwd: ROOT, timeout: 280_000 }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? 1, output: stdout + stderr });
    });
  });
}

for (const control of CONTROLS) {
  const needsCuts = NEED_CUTS.includes(control);
  test.skipIf(needsCuts && !canCutNetworks())(`with ${control} the suite sees red`, async () => {
    const { code, output } = await chaos('--control', control, '--seed', '1');
    expect(output).toContain(`RED, as it must be: with ${control}`);
    expect(code, output).toBe(0);
  });
}

test('an instance and a master that are killed under load cost nothing that was acknowledged', async () => {
  const { code, output } = await chaos('--only', 'instance-kill,master-kill', '--seed', '1');
  expect(output).toContain('nothing lost, nothing doubled.');
  expect(code, output).toBe(0);
});
