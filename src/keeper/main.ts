// Process entry of the keeper.
import { runAsProcess } from '../entry.ts';
import { loadKeeperConfig } from './keeper-config.ts';
import { startKeeper } from './keeper-runtime.ts';

await runAsProcess(loadKeeperConfig, startKeeper);
