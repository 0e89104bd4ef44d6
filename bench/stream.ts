// Sends a long body of lines through one instance and says how fast it went and how much memory it took.
//
//   node bench/stream.ts                               1 GiB in lines of 1,000 bytes, a fifth of them new contents
//   node bench/stream.ts --megabytes 50 --bytes 100    50 MB of small items
//   node bench/stream.ts --nginx                       through nginx; without it, straight to the instance
//
// The system is a local stack with one instance: Redis with two replicas that all have a save before it is answered.
import { parseArgs } from 'node:util';
import { startOurs } from './candidate.ts';
import { sendLines } from './line-stream.ts';
import { pidsOf, Workshop } from './workshop.ts';

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1074' },
    bytes: { type: 'string', default: '1000' },
    newEvery: { type: 'string', default: '5' },
    nginx: { type: 'boolean', default: false },
  },
});
const lineBytes = Number(values.bytes);

await using workshop = await Workshop.open();
const ours = process.env['OURS_ENV'] ?? '{}';
const stack = await startOurs(workshop, {
  env: { LOG_LEVEL: 'warn', ...(JSON.parse(ours) as Record<string, string>) },
});
const [instance] = stack.instances;
const [instancePid] = pidsOf(stack.instances);
if (instance === undefined || instancePid === undefined) throw new Error('the stack has no instance');
const { seconds, cpuMicrosecondsPerLine, peakMemoryBytes, ...result } = await sendLines({
  url: values.nginx ? stack.url : instance.url,
  instancePid,
  lines: Math.ceil((Number(values.megabytes) * 1e6) / lineBytes),
  lineBytes,
  newEvery: Number(values.newEvery),
});
console.log({
  ...result,
  seconds: Math.round(seconds * 10) / 10,
  linesPerSecond: Math.round(result.lines / seconds),
  cpuMicrosecondsPerLine: Math.round(cpuMicrosecondsPerLine * 10) / 10,
  peakMemoryMegabytes: Math.round(peakMemoryBytes / 1e6),
});
