// nginx.conf as the pods of ops/kubernetes have it: the same, with the addresses of the instances in files of the overlay.
const HEAD = `# Made of nginx.conf in the root of the repository, which says why everything is as it is; changed there, not here:
# npx vitest run --project unit test/unit/kubernetes-nginx.test.ts --update
`;

/** What the pods have in the place of `production`, the text of nginx.conf. Throws when it does not find what it replaces. */
export function nginxForKubernetes(production: string): string {
  const moved = [
    { name: 'upstream', zone: 'api', file: 'api' },
    { name: 'streams', zone: 'api_streams', file: 'streams' },
  ].reduce((text, { name, zone, file }) => {
    const marked = new RegExp(`# ${name} begin[^]*?# ${name} end`);
    if (!marked.test(text)) throw new Error(`nginx.conf has no part that is marked "${name}"`);
    return text.replace(marked, `zone ${zone} 64k;\n        include entry/${file}.conf;`);
  }, production);
  const statusPage = /# status page begin[^]*?# status page end/;
  if (!statusPage.test(moved)) throw new Error('nginx.conf has no part that is marked "status page"');
  // Each instance has it on the port for operators, which only Prometheus and who forwards a port reach here.
  const withoutStatus = moved.replace(statusPage, '');
  // Whole lines of comment would double the file, and the root's has them.
  return HEAD + withoutStatus.replaceAll(/^ *#.*\n/gm, '').replaceAll(/\n{3,}/g, '\n\n');
}
