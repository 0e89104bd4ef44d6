// What Redis nodes and Sentinels refused: somebody has a right too little, or tried something that is not theirs.
import { askRedis, fields, type RedisAddress } from './ask-redis.ts';

type Named = RedisAddress & { readonly name: string };

/** As many as there can be (acllog-max-len is 128); -1 would be none at all. */
const ALL = '1000';

/**
 * One line for each kind of refusal in the ACL LOG of those that answer; each forgets its own when it ends. Throws when one
 * answers with an error, because then nobody has looked.
 */
export async function refusals(nodes: readonly Named[]): Promise<string[]> {
  const logs = await Promise.allSettled(nodes.map((node) => askRedis(node, ['ACL', 'LOG', ALL], 2_000)));
  return logs.flatMap((log, i) => {
    if (log.status === 'rejected') {
      if ((log.reason as Error).name === 'ReplyError') throw log.reason;
      return [];
    }
    return (log.value as unknown[]).map((entry) => {
      const { username, reason, object, count, 'client-info': client = '' } = fields(entry);
      return `${nodes[i]?.name}: ${username}, ${reason} ${object}, ${count} times (${/name=\S*/.exec(client)?.[0]})`;
    });
  });
}
