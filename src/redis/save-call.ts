// One call of save-items.lua; alone knows its arguments and replies.
import type { SaveCommand, Verdict } from '../items/ports.ts';
import { ByteWriter } from './byte-writer.ts';
import { type Keyspace, lockKey, lockList, partitionKeys, placeOf, recordKeyPrefix } from './keys.ts';
import { kindCode, positionOf } from './stream-entry.ts';

const IDEMPOTENCY_KEY_TTL_SECONDS = 24 * 60 * 60;
/** A content of 100 bytes with one claim takes about 190. */
const EXPECTED_BYTES = 256;

type ScriptVerdict =
  | string
  | ['saved' | 'known', id: string, source: string, token: string, reused: string[], unrecorded?: string[]]
  | ['fenced', holder: string]
  | ['key_reused']
  | ['full']
  | ['damaged', id: string];

export class SaveCall {
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer)[];
  readonly #commands: readonly SaveCommand[];
  readonly #space: Keyspace;

  constructor(space: Keyspace, commands: readonly SaveCommand[]) {
    this.#space = space;
    this.#commands = commands;
    const keys = [recordKeyPrefix(space)];
    const places = new Map<number, number>();
    const locks: string[] = [];
    const batch = new ByteWriter(commands.length * EXPECTED_BYTES);
    for (const { key, content, claims, others, lockToken } of commands) {
      const { partition, bucket } = placeOf(space, key);
      let place = places.get(partition);
      if (place === undefined) {
        place = places.size;
        places.set(partition, place);
        keys.push(...partitionKeys(space, partition));
      }
      locks.push(lockKey(space, key));
      batch.byte(place);
      batch.shortText(String(bucket));
      batch.shortText(lockToken);
      batch.raw(key.digest);
      batch.shortText(kindCode(content));
      batch.text(content.text);
      batch.uint32(others);
      batch.byte(claims.length);
      for (const { token, source, isIdempotencyKey, requests } of claims) {
        batch.shortText(token);
        batch.shortText(source);
        batch.byte(isIdempotencyKey ? 1 : 0);
        batch.uint32(requests);
      }
    }
    this.keys = keys;
    this.args = [String(commands.length), String(IDEMPOTENCY_KEY_TTL_SECONDS), lockList(locks), batch.bytes];
  }

  /** Of the call that saves nothing and decides what needs no room. */
  get argsWhenFull(): readonly (string | Buffer)[] {
    return [...this.args, '1'];
  }

  /** What the script decided, in the order of the commands. */
  verdicts(reply: unknown): Verdict[] {
    return (reply as ScriptVerdict[]).map((verdict, i) => {
      const command = this.#commands[i];
      if (command === undefined) throw new Error('the save script answered more verdicts than it was asked for');
      return toVerdict(verdict, command, placeOf(this.#space, command.key).partition);
    });
  }
}

function toVerdict(verdict: ScriptVerdict, { claims }: SaveCommand, partition: number): Verdict {
  if (typeof verdict === 'string') {
    const [first] = claims;
    if (first === undefined) throw new Error('a content was saved that nobody claims');
    const { source, token } = first;
    return { kind: 'saved', position: positionOf(verdict, partition), source, token, reused: [], unrecorded: [] };
  }
  switch (verdict[0]) {
    case 'saved':
    case 'known': {
      const [kind, id, source, token, reused, unrecorded = []] = verdict;
      return { kind, position: positionOf(id, partition), source, token, reused, unrecorded };
    }
    case 'fenced':
      return { kind: 'fenced', holder: verdict[1] };
    case 'key_reused':
    case 'full':
      return { kind: verdict[0] };
    case 'damaged':
      return { kind: 'damaged', position: positionOf(verdict[1], partition) };
  }
}
