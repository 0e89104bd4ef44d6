// The limits of a request. nginx.conf states the same ones, so that both refuse the same requests.

/** A content of the largest size fits however it is spelled: JSON takes up to six bytes for one (`\u0000`). */
export const MAX_BODY_BYTES = 409_600;
/** nginx passes on at most four header buffers of 8 KiB. */
export const MAX_HEADER_BYTES = 32_768;
/** Time to receive the head of a request. */
export const HEADERS_TIMEOUT_MS = 10_000;
/** Time to receive a whole request. */
export const REQUEST_TIMEOUT_MS = 15_000;
/** Shorter than nginx waits for an instance (20 s). */
export const FEED_HEARTBEAT_MS = 15_000;
/** A consumer of the feed that takes nothing for this long is cut. */
export const FEED_STALL_MS = 60_000;
export const FEED_RETRY_MS = 1_000;
/** Longer than an instance goes on listening when it shuts down (2 s). */
export const FEED_DRAIN_RETRY_MS = 3_000;
/** Longer than nginx keeps an idle connection (60 s), so that it is never us who close one that nginx is about to use. */
export const KEEP_ALIVE_TIMEOUT_MS = 75_000;
