// An instance of the service like src/main.ts, but with the hooks that only tests may set: CHAOS_CONTROL names the
// check that its save script goes without.
import { loadConfig } from '../src/config.ts';
import { runAsProcess } from '../src/entry.ts';
import { start } from '../src/runtime.ts';
import { controlledScript } from './script-control.ts';

const control = process.env['CHAOS_CONTROL'];
const saveScript = control === undefined ? undefined : controlledScript(control);

await runAsProcess(loadConfig, (config, version, logger, onFatal) =>
  start(config, version, logger, onFatal, { saveScript }),
);
