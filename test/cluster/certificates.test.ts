// The certificates that the script makes: what it keeps, what it makes anew, and that it writes into the same files.
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeCertificates } from '../../stack/certificates.ts';

const FILES = ['ca.crt', 'ca.key', 'nginx.crt', 'nginx.key', 'redis.crt', 'redis.key'];

function made() {
  const dir = mkdtempSync(join(tmpdir(), 'items-certificates-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  makeCertificates(dir);
  const path = (file: string) => join(dir, file);
  return {
    again: (...names: string[]) => makeCertificates(dir, ...names),
    lose: (file: string) => truncateSync(path(file)),
    certificate: (name: string) => new X509Certificate(readFileSync(path(`${name}.crt`))),
    contents: () => Object.fromEntries(FILES.map((file) => [file, readFileSync(path(file), 'utf8')])),
    /** By which a container that has them mounted knows them. */
    inodes: () => FILES.map((file) => statSync(path(file)).ino),
  };
}

test('run again it changes nothing', () => {
  const { again, contents } = made();
  const before = contents();
  again();
  expect(contents()).toEqual(before);
});

test('a lost certificate is made anew by the same authority, for other names where they are given, in the same files', () => {
  const { again, lose, certificate, contents, inodes } = made();
  const [before, files] = [contents(), inodes()];
  lose('nginx.crt');
  again('items.example');
  const after = contents();
  expect(FILES.filter((file) => after[file] !== before[file])).toEqual(['nginx.crt', 'nginx.key']);
  expect(inodes()).toEqual(files);
  expect(certificate('nginx').checkHost('items.example')).toBe('items.example');
  expect(certificate('nginx').verify(certificate('ca').publicKey)).toBe(true);
});

test('another authority makes all of them anew, in the same files', () => {
  const { again, lose, certificate, contents, inodes } = made();
  const [before, files] = [contents(), inodes()];
  lose('ca.crt');
  again();
  const after = contents();
  expect(FILES.filter((file) => after[file] === before[file])).toEqual([]);
  expect(inodes()).toEqual(files);
  for (const name of ['nginx', 'redis']) {
    expect(certificate(name).verify(certificate('ca').publicKey), name).toBe(true);
  }
});

test('an authority outlives nine certificates, so that a new one is trusted by whoever trusted the old one', () => {
  const { certificate } = made();
  expect(daysOf(certificate('redis'))).toBe(365);
  expect(daysOf(certificate('ca'))).toBe(3_650);
});

const daysOf = ({ validFromDate, validToDate }: X509Certificate): number =>
  Math.round((validToDate.getTime() - validFromDate.getTime()) / 86_400_000);
