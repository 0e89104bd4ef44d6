// npm run audit: fails when a package that runs in production has a known hole. When the registry cannot be asked it says
// so and fails nothing, because that is no news about the packages; with REQUIRE_AUDIT=1 it is a failure.
import { execFile } from 'node:child_process';

type Report = {
  readonly auditReportVersion?: number;
  readonly message?: string;
  readonly error?: { readonly summary?: string };
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>;
};

/** Said, but no failure: what npm calls "low" or "info". */
const HARMLESS = ['info', 'low'];

const report = await audit();
if (report.auditReportVersion === undefined) {
  console.log(`npm audit was NOT done: ${report.message ?? report.error?.summary ?? 'no report'}`);
  if (process.env['REQUIRE_AUDIT'] === '1') process.exitCode = 1;
} else {
  const found = Object.entries(report.vulnerabilities ?? {});
  for (const [name, { severity, range }] of found) console.log(`${severity}: ${name} ${range}`);
  const serious = found.filter(([, { severity }]) => !HARMLESS.includes(severity));
  console.log(`npm audit of the production packages: ${found.length} known, ${serious.length} of them serious`);
  if (serious.length > 0) process.exitCode = 1;
}

/** npm ends with an error both when it found something and when it could not ask; only its report tells. */
function audit(): Promise<Report> {
  return new Promise((resolve) => {
    execFile('npm', ['audit', '--omit=dev', '--json'], { timeout: 60_000 }, (error, stdout) => {
      try {
        resolve(JSON.parse(stdout) as Report);
      } catch {
        resolve({ message: error?.message ?? 'the report is no JSON' });
      }
    });
  });
}
