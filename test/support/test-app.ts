// The HTTP side over a store in memory; keeps every request to save and every log line.
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { type AppDeps, buildApp } from '../../src/app.ts';
import { BatchAdmission } from '../../src/http/batch-admission.ts';
import {
  comparePositions,
  formatItemId,
  type Item,
  itemAt,
  type ItemPosition,
  parseItemId,
} from '../../src/items/item.ts';
import type { SaveOutcome, SaveRequest } from '../../src/items/pending-save.ts';
import type { ItemCounter, ItemErasure, ItemPage, ItemStore, ListCursor, ListOrder } from '../../src/items/ports.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts';
import { Readiness } from '../../src/observability/readiness.ts';
import { holdToContract } from './checked-inject.ts';
import { FEED_TIMES, MemoryFeed } from './memory-feed.ts';

export const PARTITIONS = 16;
export const SAVE_DEADLINE_MS = 12_000;
export const MAX_PENDING_SAVES = 10_000;
/** The only address that the test app takes for its proxy. */
export const PROXY_ADDRESS = '10.9.8.7';
/** The closed sets of label values that the composition root passes in, as far as a test needs them. */
export const METRIC_LABELS = {
  connections: ['commit', 'lock'],
  unconfirmedReasons: ['short_wait', 'timeout'],
  lockOutcomes: ['acquired', 'contended', 'unavailable'],
  buildInfo: { version: '1.2.3', node: 'v24.0.0' },
} as const;

/** What the page of the API is made of, as far as a test needs it. */
const DOCS_ASSETS = {
  'swagger-ui.css': Buffer.from('body {}'),
  'swagger-ui-bundle.js': Buffer.from('globalThis.SwaggerUIBundle = () => {};'),
  'favicon-32x32.png': Buffer.from('PNG'),
};

export type LogLine = Record<string, unknown> & { readonly level: string; readonly msg: string };
export type Headers = Record<string, string>;

/** Items and saves in memory. `onSave` and `onRead` replace what happens next. */
export class MemoryItems {
  saves: SaveRequest[] = [];
  onSave!: (request: SaveRequest) => Promise<SaveOutcome>;
  onRead!: () => Promise<void>;
  readonly #byContent = new Map<string, { readonly item: Item; readonly token: string }>();

  constructor() {
    this.reset();
  }

  reset(): void {
    this.saves = [];
    this.onSave = async (request) => this.#decide(request);
    this.onRead = async () => {};
    this.#byContent.clear();
  }

  readonly save = (request: SaveRequest): Promise<SaveOutcome> => {
    this.saves.push(request);
    return this.onSave(request);
  };

  readonly erasure: ItemErasure = {
    erase: async (position) => {
      await this.onRead();
      const id = formatItemId(position);
      const [hex] = [...this.#byContent].find(([, { item }]) => item.id === id) ?? [];
      if (hex === undefined) return 'absent';
      this.#byContent.delete(hex);
      return 'erased';
    },
  };

  readonly store: Pick<ItemStore, 'find' | 'list' | 'lookup'> & ItemCounter = {
    counts: async () => {
      await this.onRead();
      return { saved: 5, duplicates: 4, replayed: 3, deleted: 2, stored: this.#byContent.size };
    },
    find: async (position) => {
      await this.onRead();
      return this.#items().find((item) => item.id === formatItemId(position)) ?? null;
    },
    lookup: async (key) => {
      await this.onRead();
      return this.#byContent.get(key.hex)?.item ?? null;
    },
    list: async (from, limit) => {
      await this.onRead();
      return this.#page(from, limit);
    },
  };

  #decide({ key, content, source, token }: SaveRequest): SaveOutcome {
    const known = this.#byContent.get(key.hex);
    if (known !== undefined) return { kind: known.token === token ? 'replayed' : 'duplicate', item: known.item };
    const item = itemAt({ ms: 1_763_712_000_000, seq: this.#byContent.size, partition: 7 }, content, source);
    this.#byContent.set(key.hex, { item, token });
    return { kind: 'saved', item };
  }

  #items(): Item[] {
    return [...this.#byContent.values()].map(({ item }) => item);
  }

  #page(from: ListCursor | ListOrder, limit: number): ItemPage {
    const order = typeof from === 'string' ? from : from.order;
    const sign = order === 'asc' ? 1 : -1;
    const last = typeof from === 'string' ? null : (from.positions[7] ?? null);
    const rest = this.#items()
      .map((item) => ({ item, at: parseItemId(item.id) as ItemPosition }))
      .filter(({ at }) => last === null || sign * comparePositions(at, { ...last, partition: 7 }) > 0)
      .toSorted((a, b) => sign * comparePositions(a.at, b.at));
    const page = rest.slice(0, limit);
    const positions = Array.from({ length: PARTITIONS }, (_, i) => (i === 7 ? (page.at(-1)?.at ?? last) : null));
    return { items: page.map(({ item }) => item), next: rest.length > limit ? { order, positions } : null };
  }
}

export type TestApp = AsyncDisposable & {
  readonly app: FastifyInstance;
  readonly items: MemoryItems;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Forgets all items, saves, replacements and log lines; building another application for each test takes too long. */
  reset(): void;
  /** Everything that was logged, as text. */
  log(): string;
  /** Everything that was logged, line by line. */
  lines(): LogLine[];
  /** Posts a body as it is, to /v1/items unless told otherwise; JSON unless the headers say otherwise. */
  post(body: string | Buffer, headers?: Headers, url?: string): Promise<LightMyRequestResponse>;
  /** Posts a content. */
  save(content: unknown, headers?: Headers): Promise<LightMyRequestResponse>;
  get(url: string, headers?: Headers): Promise<LightMyRequestResponse>;
};

/** Builds the application; `build` may be the one for operators. */
export async function createTestApp(overrides: Partial<AppDeps> = {}, build = buildApp): Promise<TestApp> {
  const items = new MemoryItems();
  const metrics = createMetrics({ ...METRIC_LABELS, pendingSaves: () => 0 });
  const readiness = new Readiness(15_000);
  let log = '';
  const app = await build({
    allowedHosts: [],
    keys: null,
    auditLog: null,
    rateLimit: null,
    status: null,
    tracer: null,
    logger: createLogger('trace', { write: (line) => (log += line) }),
    metrics,
    readiness,
    isTrustedProxy: (address) => address === PROXY_ADDRESS,
    nowMs: () => performance.now(),
    save: items.save,
    submit: (request, waiter) =>
      void items.save(request).then(
        (outcome) => waiter.resolve(outcome),
        (error: Error) => waiter.reject(error),
      ),
    store: items.store,
    erasure: items.erasure,
    feed: new MemoryFeed(PARTITIONS),
    feedTimes: FEED_TIMES,
    maxFeedConsumers: 100,
    partitions: PARTITIONS,
    saveDeadlineMs: SAVE_DEADLINE_MS,
    admission: new BatchAdmission(MAX_PENDING_SAVES),
    servesMetrics: true,
    corsOrigins: null,
    version: METRIC_LABELS.buildInfo.version,
    docsAssets: DOCS_ASSETS,
    ...overrides,
  });
  await app.ready();
  holdToContract(app);
  const post = (payload: string | Buffer, headers: Headers = {}, url = '/v1/items') =>
    app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', ...headers },
      payload,
    });
  return {
    app,
    items,
    metrics,
    readiness,
    reset() {
      items.reset();
      log = '';
    },
    log: () => log,
    lines: () =>
      log
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as LogLine),
    post,
    save: (content, headers) => post(JSON.stringify({ content }), headers),
    get: (url, headers = {}) => app.inject({ url, headers }),
    [Symbol.asyncDispose]: () => app.close(),
  };
}
