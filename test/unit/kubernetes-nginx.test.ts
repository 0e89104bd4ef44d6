// ops/kubernetes has the same nginx.conf as everything else that is tested here, but for where the instances are.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nginxForKubernetes } from '../support/kubernetes-nginx.ts';

const production = readFileSync(new URL('../../nginx.conf', import.meta.url), 'utf8');
const withoutComments = (text: string): string[] => text.split('\n').filter((line) => !/^ *(#.*)?$/.test(line));

test('its nginx.conf is made of the one in the root: --update writes it', async () => {
  await expect(nginxForKubernetes(production)).toMatchFileSnapshot('../../ops/kubernetes/base/nginx.conf');
});

test('only lines that say where instances are are others', () => {
  // But for the status page, which is not passed on there.
  const before = withoutComments(production.replace(/# status page begin[^]*?# status page end/, ''));
  const after = withoutComments(nginxForKubernetes(production));
  expect(before.filter((line) => !after.includes(line)).map((line) => line.trim().split(' ')[0])).toEqual([
    'resolver',
    'server',
    'resolver',
    'server',
  ]);
  expect(after.filter((line) => !before.includes(line)).map((line) => line.trim())).toEqual([
    'include entry/api.conf;',
    'include entry/streams.conf;',
  ]);
});

test('a file without the marks is refused', () => {
  expect(() => nginxForKubernetes(production.replace('# streams end', ''))).toThrow(/marked "streams"/);
  expect(() => nginxForKubernetes(production.replace('# status page end', ''))).toThrow(/marked "status page"/);
});
