// Standard output for data and standard error for people.
import { once } from 'node:events';

export class Output {
  readonly isJson: boolean;

  constructor(isJson: boolean) {
    this.isJson = isJson;
  }

  /** Writes a line of data. Waits while the reader is behind. */
  async line(text: string): Promise<void> {
    if (!process.stdout.write(`${text}\n`)) await once(process.stdout, 'drain');
  }

  async json(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value));
  }

  /** Tells a person something. */
  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}
