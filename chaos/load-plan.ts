// What clients send, in an order that depends on the seed alone: mostly new contents, races, repeats and replays.
import { asJson } from './content-form.ts';
import { seededRandom } from './random.ts';

/** One request to be sent. Those of one step are sent at the same time. */
export type PlannedRequest = {
  readonly client: number;
  readonly content: string;
  readonly idempotencyKey: string | null;
  /** After a refusal or an unknown outcome the client sends the same again. */
  readonly retries: boolean;
};

/** How often each kind of step comes; the rest are new contents that are sent once. */
const RACE = 0.08;
const REPEAT = 0.1;
const REPLAY = 0.04;
const SAME_KEY_AT_ONCE = 0.03;
const MAX_RACERS = 6;
const WITH_KEY = 0.5;
const WITH_RETRIES = 0.7;
/** How many of the last contents may be repeated: a few seconds' worth up to half a minute at 500 requests a second. */
const REMEMBERED = 10_000;

/** Steps without end. The same seed and number of clients give the same steps, whatever becomes of the requests. */
export function* planLoad(seed: number, clients: number): Generator<readonly PlannedRequest[], never> {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const past: PlannedRequest[] = [];
  let contents = 0;
  let keys = 0;
  const request = (content: string, client: number, withKey = random() < WITH_KEY): PlannedRequest => ({
    client,
    content,
    idempotencyKey: withKey ? `run-${seed}-key-${keys++}` : null,
    retries: random() < WITH_RETRIES,
  });
  const fresh = (): string => contentText(seed, contents++, random());
  const remember = (sent: PlannedRequest): void => {
    if (past.length < REMEMBERED) past.push(sent);
    else past[below(REMEMBERED)] = sent;
  };
  for (;;) {
    const earlier = past[below(past.length)];
    const dice = random();
    if (dice < RACE) {
      // Several clients at once, some with keys of their own, some without.
      const content = fresh();
      const first = below(clients);
      const racers = Array.from({ length: 2 + below(MAX_RACERS - 1) }, (_, i) =>
        request(content, (first + i) % clients),
      );
      remember(racers[0] as PlannedRequest);
      yield racers;
    } else if (dice < RACE + REPEAT && earlier !== undefined) {
      // A true duplicate: by whichever client, with another key or none.
      yield [request(earlier.content, below(clients))];
    } else if (dice < RACE + REPEAT + REPLAY && earlier !== undefined && earlier.idempotencyKey !== null) {
      yield [earlier];
    } else if (dice < RACE + REPEAT + REPLAY + SAME_KEY_AT_ONCE) {
      // An impatient client: the same request twice, without waiting for the answer.
      const sent = request(fresh(), below(clients), true);
      yield [sent, sent];
    } else {
      const sent = request(fresh(), below(clients));
      remember(sent);
      yield [sent];
    }
  }
}

/**
 * Content `n` of a run. Different for every n, if sometimes by as little as a space or the form of a letter; between a
 * few bytes and 20 KB long, 100 bytes mostly.
 */
export function contentText(seed: number, n: number, dice: number): string {
  const name = `run ${seed} item ${n >>> 1}`;
  // Two neighbours share a name and a form, so that all that tells them apart is what must not be ignored.
  const odd = n % 2 === 1;
  switch ((n >>> 1) & 7) {
    case 0:
      return odd ? `${name} ` : name;
    case 1:
      return `${name} ${odd ? 'caf\u00e9' : 'cafe\u0301'}`;
    case 2:
      return `${name} ${odd ? 'Order' : 'order'} \ud83d\udce6 "quoted" \\ \u0000 \u2028`;
    case 3:
      return asJson(`{"item":${JSON.stringify(name)},"numbers":[${odd ? '"1"' : '1'},0.5],"text":"caf\u00e9 \\n"}`);
    default:
      return `${name} ${odd ? 'b' : 'a'} ${'x'.repeat(Math.floor(dice > 0.98 ? dice * 20_000 : dice * 160))}`;
  }
}
