// An instance of the service like src/main.ts, but wrong on purpose: CHAOS_CONTROL names the check that its save script
// goes without, or is acks-0 for one that waits for no replica, which the settings refuse with Sentinels.
import { loadConfig } from '../src/config.ts';
import { runAsProcess } from '../src/entry.ts';
import { start } from '../src/runtime.ts';
import { controlledScript } from './script-control.ts';

const control = process.env['CHAOS_CONTROL'];
const saveScript = control === undefined || control === 'acks-0' ? undefined : controlledScript(control);

await runAsProcess(loadConfig, (settings, version, logger, onFatal) => {
  const config = control === 'acks-0' ? { ...settings, ACKS: 0 } : settings;
  return start(config, version, logger, onFatal, { saveScript });
});
