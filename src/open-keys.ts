// Opens the file of API keys for a running service, and tells when it is read again.
import { KeyFileError } from './access/key-file.ts';
import { readKeyFile, versionOf, watchKeyFile } from './access/key-source.ts';
import { type KeyCheck, Keyring } from './access/keyring.ts';
import { ConfigError } from './config.ts';
import type { Logger } from './observability/logger.ts';
import type { Metrics } from './observability/metrics.ts';

/** Keeps the keys as they are in the file until `stop`. Throws `ConfigError` when there is none that can be used. */
export function openKeys(
  path: string,
  metrics: Metrics,
  logger: Logger,
): { readonly keys: KeyCheck; readonly stop: () => void } {
  const version = versionOf(path);
  const keyring = new Keyring(readFirst(path));
  metrics.apiKeys.set(keyring.size);
  const stop = watchKeyFile(path, version, (file) => keyring.replace(file), {
    loaded(keys) {
      metrics.apiKeys.set(keys);
      logger.info({ keys }, 'the file of API keys was read again');
    },
    refused(reason) {
      metrics.apiKeyReloadFailures.inc();
      logger.error({ reason }, 'the file of API keys cannot be used; the keys before it stay');
    },
  });
  return {
    keys: {
      callerOf: (authorization) => keyring.callerOf(authorization, Date.now()),
      isStillValid: (caller) => keyring.isStillValid(caller, Date.now()),
    },
    stop,
  };
}

function readFirst(path: string) {
  try {
    return readKeyFile(path);
  } catch (error) {
    if (error instanceof KeyFileError) throw new ConfigError(`API_KEYS_FILE: ${error.message}`);
    throw error;
  }
}
