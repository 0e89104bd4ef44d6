// The README's table of settings, made from the schema that the service itself reads them with.
import { SECRET_SETTINGS, settingsSchema } from '../../src/config.ts';

/** One row for each setting: name, default, what it is. */
export function settingsTable(): string {
  const defaults = settingsSchema.parse({}) as Record<string, string | number | undefined>;
  const rows = Object.entries(settingsSchema.shape).map(([name, schema]) => {
    const isSecret = (SECRET_SETTINGS as readonly string[]).includes(name);
    const value = defaults[name];
    const shown = value === undefined || value === '' ? '' : `\`${value}\``;
    return `| \`${name}\`${isSecret ? ' ¹' : ''} | ${shown} | ${schema.description ?? ''} |`;
  });
  return ['| Setting | Default | |', '|---|---|---|', ...rows].join('\n');
}
