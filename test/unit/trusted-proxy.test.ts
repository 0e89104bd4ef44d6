// Whose X-Attempt-Id counts: addresses, ranges and words in TRUST_PROXY.
import { describe, expect, test } from 'vitest';
import { trustedProxies } from '../../src/http/trusted-proxy.ts';

test.each<[entries: string[], trusted: string[], others: string[]]>([
  [[], [], ['127.0.0.1', '10.0.0.1', '::1', '0.0.0.0']],
  [['10.1.2.3'], ['10.1.2.3', '::ffff:10.1.2.3', '::ffff:a01:203'], ['10.1.2.4', '::a01:203', '0.0.0.0']],
  [['10.0.0.0/8'], ['10.0.0.0', '10.255.255.255', '::ffff:10.0.0.1'], ['11.0.0.0', '9.255.255.255']],
  [['10.1.2.3/16'], ['10.1.255.1'], ['10.2.0.0']],
  [['192.0.2.1/32'], ['192.0.2.1'], ['192.0.2.0', '192.0.2.2']],
  [['0.0.0.0/0'], ['8.8.8.8', '::ffff:8.8.8.8'], ['2001:db8::1']],
  [['2001:db8::/32'], ['2001:db8::1', '2001:DB8:ffff::'], ['2001:db9::', '10.0.0.1']],
  [['::1'], ['::1', '0:0:0:0:0:0:0:1'], ['::2', '127.0.0.1']],
  [['loopback'], ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'], ['10.0.0.1', '128.0.0.1', '::2']],
  [
    ['private'],
    ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fd00::1', '::ffff:10.0.0.1'],
    ['172.15.255.255', '172.32.0.0', '192.169.0.0', '127.0.0.1', 'fe80::1', '2001:db8::1'],
  ],
  [['loopback', '203.0.113.7'], ['127.0.0.1', '203.0.113.7'], ['203.0.113.8']],
])('%j', (entries, trusted, others) => {
  const isTrusted = trustedProxies(entries);
  expect([...trusted, ...others].filter(isTrusted)).toEqual(trusted);
});

describe('what is no address is not trusted', () => {
  // The remote address of a connection that is gone is undefined.
  test.each([undefined, '', 'loopback', 'localhost', '10.0.0', '10.0.0.0/8', 'unix:', ' 10.0.0.1'])('%j', (address) => {
    expect(trustedProxies(['private', 'loopback', '10.0.0.0/8'])(address)).toBe(false);
  });
});

describe('an entry that is none of these is refused by its name', () => {
  test.each([
    '',
    'localhost',
    'Loopback',
    '10.0.0',
    '010.0.0.1',
    '10.0.0.256',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    // Read as a number, the next four are a prefix of 0 or nearly so, and everybody would be trusted.
    '10.0.0.0/',
    '10.0.0.0/ ',
    '10.0.0.0/0x1',
    '10.0.0.0/1e0',
    '10.0.0.0/8/8',
    '10.0.0.0/8.5',
    '::/129',
    'fe80::1%eth0',
    '10.0.0.1:80',
    '*',
  ])('%j', (entry) => {
    expect(() => trustedProxies(['loopback', entry])).toThrow(/^TRUST_PROXY: .* is not an address/);
    expect(() => trustedProxies([entry])).toThrow(entry);
  });
});
