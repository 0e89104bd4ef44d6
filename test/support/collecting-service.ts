// Entry of a service that collects all of its garbage on SIGWINCH, so that what is left of its heap can be compared.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
process.on('SIGWINCH', () => collect());

await import('../../src/main.ts');
