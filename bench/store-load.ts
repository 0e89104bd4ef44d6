// Makes load on a store in the process that is its client; takes the same jobs as the load over HTTP.
import type { LoadJob, LoadResult } from './load-job.ts';
import { Measurement } from './measurement.ts';
import { contentsOf } from './requests.ts';

/** `save` tells whether the content was new. A save counts as 201, a duplicate as 409. */
export function makeStoreLoad(save: (content: string) => Promise<boolean>): void {
  process.on('message', (job: LoadJob) => {
    void run(job, save).then((result) => process.send?.(result));
  });
}

async function run(job: LoadJob, save: (content: string) => Promise<boolean>): Promise<LoadResult> {
  if (job.work.kind !== 'save') throw new Error('a store is only saved to');
  const nextContent = contentsOf(job.work, job.seed);
  const measured = new Measurement();
  const endMs = performance.now() + job.durationMs;
  const repeat = async (): Promise<void> => {
    for (let sentMs = performance.now(); sentMs < endMs; sentMs = performance.now()) {
      const isNew = await save(nextContent());
      measured.add(isNew ? 201 : 409, sentMs);
    }
  };
  await Promise.all(Array.from({ length: job.connections }, repeat));
  return measured.result();
}
