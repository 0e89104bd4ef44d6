// The nginx of ops/kubernetes takes its files as a pod has them: its image, its user, a read-only root filesystem.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { dockerAnswers } from '../support/compose.ts';
import { specOf } from '../support/kubernetes-workloads.ts';

const docker = dockerAnswers();
if (!docker) console.warn("the test of the pods' nginx is skipped: no Docker engine answers");

const KUBERNETES = join(import.meta.dirname, '../../ops/kubernetes');
const run = promisify(execFile);

test.skipIf(!docker)('nginx takes its configuration (needs a Docker engine)', async () => {
  const { containers, securityContext } = specOf('Deployment', 'items-nginx').template.spec;
  const [{ image, args = [] }] = containers;
  const { stderr } = await run('docker', [
    'run',
    '--rm',
    '--read-only',
    '--cap-drop=ALL',
    '--tmpfs=/tmp/nginx:mode=1777',
    `--user=${String(securityContext['runAsUser'])}:${String(securityContext['runAsGroup'])}`,
    // In a cluster the DNS has this name.
    '--add-host=kube-dns.kube-system.svc.cluster.local:127.0.0.1',
    `--volume=${join(KUBERNETES, 'base/nginx.conf')}:/etc/nginx/nginx.conf:ro`,
    `--volume=${join(KUBERNETES, 'example/nginx-entry')}:/etc/nginx/entry:ro`,
    image,
    ...args,
    '-t',
  ]);
  expect(stderr).toContain('test is successful');
});
