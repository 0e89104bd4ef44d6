// The limits of a request. nginx.conf states the same ones, so that both refuse the same requests.

/** A content of the largest size fits however it is spelled: JSON takes up to six bytes for one (`\u0000`). */
export const MAX_BODY_BYTES = 409_600;
/** 1,000 items of 8 KB, which is what most batches stay far below. Larger ones go as lines. */
export const MAX_BATCH_BODY_BYTES = 8_388_608;
export const MAX_BATCH_ITEMS = 1_000;
/** Members, elements, objects and arrays in one JSON batch: one for every 16 bytes of the largest. 8 MB of `[],[],…` held the process for 2.5 s. */
export const MAX_BATCH_VALUES = 524_288;
/** The bodies of all JSON batches that an instance has at a time: each takes its size a few times over while it is read. */
export const MAX_BATCH_BODIES_BYTES = 67_108_864;
/** Bodies of lines that an instance reads at a time. They share a window, so more of them would only be slower each. */
export const MAX_STREAMS = 16;
/** Lines that are held until they are answered, of all streams of an instance together: four commits of the largest size. */
export const MAX_STREAM_WINDOW_BYTES = 4_194_304;
/** nginx passes on at most four header buffers of 8 KiB. */
export const MAX_HEADER_BYTES = 32_768;
/** The bodies of single items that an instance reads at a time; those up to SMALL_BODY_BYTES do not count. */
export const MAX_BODIES_BYTES = 134_217_728;
export const SMALL_BODY_BYTES = 8_192;
/** Pages of listings that wait for their readers: sixteen of the largest. */
export const MAX_PAGES_BYTES = 134_217_728;
/** A page that its reader has not taken by then is cut: 8 MiB are 70 KB/s. */
export const PAGE_TIMEOUT_MS = 120_000;
/** Connections of an instance; each takes about 9 KB when nothing comes over it. nginx needs a few hundred. */
export const MAX_CONNECTIONS = 10_000;
/**
 * Connections that wait while an instance is busy: as many as nginx lets one address have requests. With Node's 511, clients
 * that ask and leave at once filled it; nginx' next attempts to connect were dropped, took 1 s each, and saves got 504.
 * The system may allow less (`net.core.somaxconn`, 4,096 from Linux 5.4 on).
 */
export const LISTEN_BACKLOG = 4_096;
/** Clients that are remembered for their limits, at about 100 bytes each. */
export const MAX_TRACKED_CLIENTS = 100_000;
/** Wrong keys from one address that are answered 401; more are answered 429. */
export const WRONG_KEYS_PER_SECOND = 5;
export const WRONG_KEYS_BURST = 50;
/** Time to receive the head of a request. */
export const HEADERS_TIMEOUT_MS = 10_000;
/** Time to receive a whole request, but for a body of lines. */
export const REQUEST_TIMEOUT_MS = 15_000;
/** Shorter than nginx waits for an instance (20 s). */
export const FEED_HEARTBEAT_MS = 15_000;
/** A consumer of the feed that takes nothing for this long is cut. */
export const FEED_STALL_MS = 60_000;
export const FEED_RETRY_MS = 1_000;
/** Longer than an instance goes on listening when it shuts down (2 s). */
export const FEED_DRAIN_RETRY_MS = 3_000;
/** Watchers of the status page at one instance; a message of a few kilobytes a second each. */
export const MAX_STATUS_WATCHERS = 50;
/** One that takes nothing for this long is cut. */
export const STATUS_STALL_MS = 30_000;
/** How long the client of a stream may neither send nor take a byte while we wait for it. nginx waits longer. */
export const STREAM_IDLE_MS = 30_000;
/** Time for a client that is still sending to read our answer; closing at once would reset the connection under it. */
export const LINGER_MS = 1_000;
/** Longer than nginx keeps an idle connection (60 s), so that it is never us who close one that nginx is about to use. */
export const KEEP_ALIVE_TIMEOUT_MS = 75_000;
