// The settings of the keeper: a part of the service's, with the same names and meanings.
import { type Environment, readSettings, settingsSchema } from '../config.ts';

const keeperSchema = settingsSchema
  .pick({
    HOST: true,
    PORT: true,
    LOG_LEVEL: true,
    REDIS_MASTER_NAME: true,
    REDIS_USERNAME: true,
    REDIS_PASSWORD: true,
    SENTINEL_USERNAME: true,
    SENTINEL_PASSWORD: true,
    REDIS_TLS_CA: true,
    SHUTDOWN_GRACE_MS: true,
  })
  .extend({ REDIS_SENTINELS: settingsSchema.shape.REDIS_SENTINELS.unwrap() });

export type KeeperConfig = Readonly<ReturnType<typeof keeperSchema.parse>>;

/** Reads the keeper's settings from an environment; throws `ConfigError` as `loadConfig` does. */
export function loadKeeperConfig(env: Environment, readFile: (path: string) => string): KeeperConfig {
  return readSettings(keeperSchema, env, readFile);
}
