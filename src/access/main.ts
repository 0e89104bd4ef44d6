// Process entry of `npm run key`.
import { KEY_HELP, KeyUsageError, runKeyCommand } from './key-command.ts';
import { KeyFileError } from './key-file.ts';

const args = process.argv.slice(2);
try {
  const isHelp = args.length === 0 || args.some((arg) => ['help', '--help', '-h'].includes(arg));
  console.log(isHelp ? KEY_HELP : runKeyCommand(args, new Date()));
  process.exitCode = args.length === 0 ? 2 : 0;
} catch (error) {
  if (!(error instanceof KeyFileError) && !(error instanceof KeyUsageError)) throw error;
  console.error(
    error instanceof KeyUsageError ? `${error.message}\n\n${KEY_HELP}` : `The file of keys: ${error.message}.`,
  );
  process.exitCode = error instanceof KeyUsageError ? 2 : 1;
}
