// Process entry of the service.
import { loadConfig } from './config.ts';
import { runAsProcess } from './entry.ts';
import { start } from './runtime.ts';

await runAsProcess(loadConfig, start);
