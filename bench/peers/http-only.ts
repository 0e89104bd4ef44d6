// Our HTTP side alone: all that happens to a post but the save, which is decided at once. A content that comes twice in a
// row is a duplicate, so `--contents hot` measures 409s.
import { buildApp } from '../../src/app.ts';
import { BatchAdmission } from '../../src/http/batch-admission.ts';
import { trustedProxies } from '../../src/http/trusted-proxy.ts';
import { type Item, itemAt } from '../../src/items/item.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { Readiness } from '../../src/observability/readiness.ts';

let last: { readonly hex: string; readonly item: Item } | null = null;
let seq = 0;

function unused(): never {
  throw new Error('nobody measures this');
}

const app = await buildApp({
  logger: createLogger(process.env['LOG_LEVEL'] ?? 'info'),
  metrics: createMetrics({
    connections: [],
    unconfirmedReasons: [],
    lockOutcomes: [],
    buildInfo: { version: '0', node: process.version },
    pendingSaves: () => 0,
  }),
  readiness: new Readiness(0),
  isTrustedProxy: trustedProxies(['loopback']),
  nowMs: () => performance.now(),
  async save({ key, content, source }) {
    if (last?.hex === key.hex) return { kind: 'duplicate', item: last.item };
    const item = itemAt({ ms: 1_763_712_000_000, seq: seq++, partition: 7 }, content, source);
    last = { hex: key.hex, item };
    return { kind: 'saved', item };
  },
  submit: unused,
  store: { find: unused, list: unused, lookup: unused, counts: unused },
  erasure: { erase: unused },
  allowedHosts: [],
  keys: null,
  rateLimit: null,
  status: null,
  tracer: null,
  auditLog: null,
  feed: { open: unused, close: unused },
  maxFeedConsumers: 0,
  feedTimes: { heartbeatMs: 0, stallMs: 0, retryMs: 0, drainRetryMs: 0 },
  partitions: 16,
  saveDeadlineMs: 12_000,
  admission: new BatchAdmission(10_000),
  servesMetrics: true,
  corsOrigins: null,
  version: '0',
  docsAssets: { 'swagger-ui.css': '', 'swagger-ui-bundle.js': '', 'favicon-32x32.png': '' } as never,
});
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
