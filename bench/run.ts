// npm run bench: measures the service beside its peers on the same work.
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { startCandidates } from './candidate.ts';
import { compare } from './compare.ts';
import { BENCH_HELP, type BenchFlags, parseBenchFlags } from './flags.ts';
import { writePage } from './page.ts';
import { type Findings, type Report, writeReport } from './report.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { printFindings, printRow } from './terminal.ts';
import { Workshop } from './workshop.ts';

const WARM_UP_MS = 1_000;
/** The last commit that changed any of it is the one that was measured. */
const MEASURED = ['src', 'ops/redis', 'nginx.conf', 'package-lock.json'];
const startedAtMs = performance.now();
process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const flags = parseBenchFlags(process.argv.slice(2));
    if (flags.help) console.log(BENCH_HELP);
    else if (flags.list) for (const { name, title } of SCENARIOS) console.log(`${name.padEnd(14)}${title}`);
    else if (process.platform !== 'linux') throw new Error('CPU times are read from /proc: this needs Linux.');
    else if (flags.scenarios === null) await runOne(flags);
    else await runScenarios(flags, flags.scenarios);
    return 0;
  } catch (error) {
    console.error(error);
    return 1;
  }
}

/** One comparison as the flags say; prints a line for each candidate. */
async function runOne({ peers, connections, bytes, contents, rounds, seconds }: BenchFlags): Promise<void> {
  await using workshop = await Workshop.open();
  const candidates = await startCandidates(workshop, peers, say);
  const shape = { connections, work: { kind: 'save', contents, contentBytes: bytes } } as const;
  const times = { rounds, warmUpMs: WARM_UP_MS, durationMs: seconds * 1_000 };
  for (const row of await compare({ name: '', shape, candidates }, times, workshop.load)) printRow(row);
}

async function runScenarios(flags: BenchFlags, names: readonly string[]): Promise<void> {
  for (const scenario of SCENARIOS.filter(({ name }) => names.includes(name))) {
    say(`${scenario.name}: ${scenario.title}`);
    const findings = await runScenario(scenario, flags);
    printFindings(findings);
    if (!flags.quick) writeReport(reportOf(scenario.name, findings));
  }
  if (!flags.quick) say(`Written: ${writePage()}`);
}

async function runScenario(
  scenario: Scenario,
  { quick, rounds, seconds, minutes, items }: BenchFlags,
): Promise<Findings> {
  await using workshop = await Workshop.open();
  const times = quick
    ? { rounds: 1, warmUpMs: WARM_UP_MS / 2, durationMs: 1_000 }
    : { rounds, warmUpMs: WARM_UP_MS, durationMs: seconds * 1_000 };
  return await scenario.run({ workshop, times, quick, items, minutes, say });
}

function reportOf(scenario: string, findings: Findings): Report {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const redis = / v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1];
  return {
    scenario,
    at: new Date().toISOString(),
    machine: `${cpus().length} cores (${cpu?.model.trim()}), ${memory} GB, Node ${process.version}, Redis ${redis}`,
    commit: execFileSync('git', ['log', '-1', '--format=%h', '--', ...MEASURED], { encoding: 'utf8' }).trim(),
    command: `npm run bench -- --only ${scenario}`,
    ...findings,
  };
}

function say(line: string): void {
  const seconds = (performance.now() - startedAtMs) / 1_000;
  console.log(`${seconds.toFixed(0).padStart(5)} s  ${line}`);
}
