// npm run chaos: the whole system under load and under faults, and the proof that nothing was lost or doubled.
import { execFileSync } from 'node:child_process';
import { missingPrograms } from '../stack/local-launcher.ts';
import { Campaign } from './campaign.ts';
import { planOf } from './controls.ts';
import { Dice } from './dice.ts';
import { CHAOS_HELP, type ChaosFlags, parseChaosFlags } from './flags.ts';
import { endWithParent, isInNamespace, rerunInNamespace } from './namespace.ts';
import { renderTable, renderTotals, tableRows, writeTable } from './report.ts';
import { NOT_HERE, SCENARIOS } from './scenarios/all.ts';

const GUARANTEES = 'docs/guarantees.md';
const startedAtMs = performance.now();
const stop = new AbortController();
process.exitCode = await main();

async function main(): Promise<number> {
  let flags: ChaosFlags;
  try {
    flags = parseChaosFlags(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
  if (flags.help) console.log(CHAOS_HELP);
  if (flags.list) list();
  if (flags.help || flags.list) return 0;
  const missing = missingPrograms(['redis-server', 'redis-cli', 'nginx']);
  if (missing.length > 0) {
    console.error(`Not installed: ${missing.join(', ')}; "sh stack/bootstrap.sh" installs it.`);
    return 1;
  }
  if (isInNamespace()) {
    endWithParent();
  } else {
    const code = await rerunInNamespace();
    if (code !== null) return code;
    say('No network namespace here (it needs Linux, iptables, and root or user namespaces): nothing can be cut.');
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      say(`${signal}: stopping`);
      stop.abort();
    });
  }
  try {
    return await (flags.control === null ? runScenarios(flags) : runControl(flags, flags.control));
  } catch (error) {
    // With its stack and its cause: what fails here was expected by nobody.
    if (!stop.signal.aborted) console.error(error);
    return 1;
  }
}

async function runScenarios(flags: ChaosFlags): Promise<number> {
  const { seed, rate, minutes, only } = flags;
  const again = `npm run chaos -- --seed ${seed} --rate ${rate}${only === null ? '' : ` --only ${only.join(',')}`}`;
  say(`seed ${seed}; again: ${again}`);
  const chosen = only === null ? SCENARIOS : only.map((name) => SCENARIOS.find((one) => one.name === name)!);
  const endMs = minutes === null ? 0 : startedAtMs + minutes * 60_000;
  const dice = new Dice(seed);
  await using campaign = new Campaign({ seed, rate, say, signal: stop.signal });
  try {
    for (let round = 0; round === 0 || performance.now() < endMs; round++) {
      // The first round in the order of the matrix, the others in any.
      for (const scenario of round === 0 ? chosen : dice.shuffle(chosen)) {
        if (round > 0 && performance.now() >= endMs) break;
        await campaign.run(scenario);
      }
    }
  } catch (error) {
    // What was measured until then is worth showing.
    if (!stop.signal.aborted) console.error(error);
    stop.abort();
  }
  const { results, notRun } = campaign;
  const rows = tableRows(results, notRun);
  console.log(`\n${renderTable(rows)}\n`);
  const totals = renderTotals(results);
  console.log(`${totals}\n`);
  if (flags.write) {
    const day = new Date().toISOString().slice(0, 10);
    writeTable(GUARANTEES, rows, `\`${again}\`, ${day}, Redis ${redisVersion()}. ${totals}`);
  }
  const failed = [...Map.groupBy(results, ({ scenario }) => scenario).values()].filter(
    (runs) => !isGood(runs.map(({ verdict }) => verdict)),
  );
  const runs = `${results.length} runs of ${new Set(results.map(({ scenario }) => scenario)).size} scenarios, seed ${seed}`;
  const verdict = failed.length === 0 ? 'nothing lost, nothing doubled' : `${failed.length} scenarios failed`;
  say(`${runs}${stop.signal.aborted ? ', stopped early; until then' : ''}: ${verdict}.`);
  return failed.length === 0 && !stop.signal.aborted ? 0 : 1;
}

function redisVersion(): string {
  return /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
}

/** Void is allowed when a later try with another seed has bitten. */
function isGood(verdicts: readonly string[]): boolean {
  return verdicts.at(-1) === 'green' && verdicts.every((verdict) => verdict === 'green' || verdict === 'void');
}

async function runControl({ seed, rate }: ChaosFlags, control: NonNullable<ChaosFlags['control']>): Promise<number> {
  const { scenario, red } = planOf(control);
  say(`control ${control}, seed ${seed}: ${scenario.name} must be red`);
  await using campaign = new Campaign({ seed, rate, control, say, signal: stop.signal });
  const result = await campaign.run(scenario, (one) => red(one) !== null);
  if (result === null) return 2;
  const seen = red(result);
  console.log(
    seen === null
      ? `BLIND: with ${control}, ${scenario.name} found nothing.`
      : `RED, as it must be: with ${control}, ${seen}.`,
  );
  return seen === null ? 1 : 0;
}

function list(): void {
  for (const { row, name, what, needs = [] } of SCENARIOS) {
    const needed = needs.length === 0 ? '' : ` (needs ${needs.join(', ')})`;
    console.log(`${row.padEnd(7)} ${name.padEnd(26)} ${what}${needed}`);
  }
  for (const { row, what, why } of NOT_HERE) console.log(`${row.padEnd(7)} ${'not here'.padEnd(26)} ${what}: ${why}`);
}

function say(line: string): void {
  console.log(`${((performance.now() - startedAtMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`);
}
