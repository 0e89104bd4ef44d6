// Fits nginx.conf, the file that production uses, to local instances and ports.

/** On which ports of 127.0.0.1 nginx is told to listen, and to which `host:port` it is told to pass requests and streams. */
export type NginxPorts = {
  readonly listen: number;
  readonly status: number;
  readonly instances: readonly string[];
  readonly streams: readonly string[];
};

/** Replaces the instances, where their streams go, and the two ports in the text of nginx.conf; throws when it does not find them. */
export function renderNginxConfig(production: string, { listen, status, instances, streams }: NginxPorts): string {
  return [
    { what: /# upstream begin[^]*?# upstream end/, by: serversOf(instances) },
    { what: /# streams begin[^]*?# streams end/, by: serversOf(streams) },
    { what: /listen 8080;/, by: `listen 127.0.0.1:${listen};` },
    { what: /listen 8081;/, by: `listen 127.0.0.1:${status};` },
  ].reduce((text, { what, by }) => {
    if (!what.test(text)) throw new Error(`nginx.conf has no ${what.source}, which the local stack replaces.`);
    return text.replace(what, by);
  }, production);
}

function serversOf(addresses: readonly string[]): string {
  return addresses.map((address) => `server ${address} max_fails=0;`).join('\n        ');
}
