// Writes docs/scaling.md and its plot.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPORTS_DIR } from '../report.ts';
import { renderScaling, scalingPlots } from './page.ts';

writeFileSync(join(REPORTS_DIR, '../scaling.md'), renderScaling());
for (const [name, picture] of Object.entries(scalingPlots())) writeFileSync(join(REPORTS_DIR, name), picture);
