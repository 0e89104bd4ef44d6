// Preloaded into an instance (node --import): its wall clock is off by what stands in a file, which may change at any time.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const dir = process.env['CHAOS_CLOCKS'];
const EVERY_MS = 100;

if (dir !== undefined) {
  const file = join(dir, `${process.env['HOST']}:${process.env['PORT']}`);
  const RealDate = Date;
  let offsetMs = 0;
  setInterval(() => {
    try {
      offsetMs = Number(readFileSync(file, 'utf8')) || 0;
    } catch {
      offsetMs = 0;
    }
  }, EVERY_MS).unref();
  globalThis.Date = class extends RealDate {
    constructor(...args: [] | [number]) {
      if (args.length === 0) super(RealDate.now() + offsetMs);
      else super(...args);
    }
    static override now(): number {
      return RealDate.now() + offsetMs;
    }
  } as DateConstructor;
}
