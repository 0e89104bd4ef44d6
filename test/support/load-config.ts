// Loads settings from an environment in memory.
import { expect } from 'vitest';
import { type Config, ConfigError, loadConfig } from '../../src/config.ts';

export type Env = Record<string, string | undefined>;

export const SENTINELS = { REDIS_SENTINELS: 's1:26379,s2:26379,s3:26379' };

const noFiles = (): string => {
  throw new Error('no file is read');
};

export const load = (env: Env, readFile: (path: string) => string = noFiles): Config => loadConfig(env, readFile);

/** The one line with which an environment is refused. Tests use `hunter2` for all that no line may hold. */
export function refusal(env: Env, readFile: (path: string) => string = noFiles): string {
  try {
    load(env, readFile);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { message } = error as ConfigError;
    expect(message).toMatch(/^[^\n\r]+$/);
    expect(message).not.toMatch(/hunter2|undefined|\[object/);
    return message;
  }
  throw new Error('was not refused');
}
