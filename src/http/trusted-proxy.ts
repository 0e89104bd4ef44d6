// Decides whether the other end of a connection is a proxy whose word counts.
import { BlockList, isIP } from 'node:net';

// RFC 1918 and RFC 4193: where a proxy on the same private network has its address.
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];
const LOOPBACK = ['127.0.0.0/8', '::1/128'];
// The digits are asked for: `10.0.0.0/` read as a prefix of 0 would trust everybody.
const RANGE = /^([^/%]+)(?:\/(\d{1,3}))?$/;
/** Each request asks, mostly for the same few addresses, and the list takes longer than everything else that is asked of a header. */
const MAX_ANSWERS = 1_000;

/**
 * A test for remote addresses, from addresses, CIDR ranges and the words `loopback` and `private`. Throws an error that
 * names the entry that is none of these.
 */
export function trustedProxies(entries: readonly string[]): (address: string | undefined) => boolean {
  const list = new BlockList();
  for (const entry of entries) {
    const ranges = entry === 'loopback' ? LOOPBACK : entry === 'private' ? PRIVATE : [entry];
    for (const range of ranges) addRange(list, range);
  }
  const isInList = (address: string): boolean => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4');
  };
  const answers = new Map<string, boolean>();
  return (address) => {
    if (address === undefined) return false;
    const known = answers.get(address);
    if (known !== undefined) return known;
    // Clients that come without a proxy may have any address.
    if (answers.size === MAX_ANSWERS) answers.clear();
    const answer = isInList(address);
    answers.set(address, answer);
    return answer;
  };
}

function addRange(list: BlockList, range: string): void {
  const [, address = '', bits] = RANGE.exec(range) ?? [];
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  const prefix = bits === undefined ? most : Number(bits);
  if (version === 0 || prefix > most) {
    throw new Error(`TRUST_PROXY: ${range} is not an address, a CIDR range, loopback or private`);
  }
  list.addSubnet(address, prefix, version === 6 ? 'ipv6' : 'ipv4');
}
