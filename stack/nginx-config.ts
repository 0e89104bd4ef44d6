// Fits nginx.conf, the file that production uses, to local instances and ports.

/** On which ports of 127.0.0.1 nginx is told to listen, and to which `host:port` it is told to pass requests and streams. */
export type NginxPorts = {
  readonly listen: number;
  readonly status: number;
  /** Where it serves the status page; local instances show it on the port that clients use, unless those need keys. */
  readonly operators: number;
  readonly instances: readonly string[];
  readonly streams: readonly string[];
  /** With TLS: the directory of the certificates, the texts of ops/nginx/tls, and where plain HTTP is sent away. */
  readonly tls?: { readonly dir: string; readonly server: string; readonly http: string; readonly plain: number };
};

/** Fits the text of nginx.conf to all that; throws when it does not find what it replaces. */
export function renderNginxConfig(production: string, ports: NginxPorts): string {
  const { listen, status, operators, instances, streams, tls } = ports;
  const entry = tls === undefined ? `listen 127.0.0.1:${listen};` : tlsServer(tls, listen);
  return replaceAll(production, [
    [/# upstream begin[^]*?# upstream end/, serversOf(instances)],
    [/# streams begin[^]*?# streams end/, serversOf(streams)],
    [/# operators begin[^]*?# operators end/, serversOf(instances)],
    [/include entry\/server\.conf;/, entry],
    [/include entry\/http\*\.conf;/, tls === undefined ? '' : tlsHttp(tls, listen)],
    [/listen 8082;/, `listen 127.0.0.1:${operators};`],
    [/listen 8081;/, `listen 127.0.0.1:${status};`],
  ]);
}

function tlsServer({ dir, server }: NonNullable<NginxPorts['tls']>, listen: number): string {
  return replaceAll(server, [
    // As nginx before 1.25.1 wants it; newer ones take it with a warning.
    [/listen 8443 ssl;/, `listen 127.0.0.1:${listen} ssl http2;`],
    [/http2 on;/, ''],
    [/\/etc\/nginx\/certificates\/nginx\.crt/, `${dir}/nginx.crt`],
    [/\/etc\/nginx\/certificates\/nginx\.key/, `${dir}/nginx.key`],
  ]);
}

function tlsHttp({ http, plain }: NonNullable<NginxPorts['tls']>, listen: number): string {
  return replaceAll(http, [
    [/include \/tmp\/nginx\/https-port\.conf;/, `map "" $https_port { default ":${listen}"; }`],
    [/listen 8080;/, `listen 127.0.0.1:${plain};`],
  ]);
}

function replaceAll(text: string, pairs: readonly (readonly [what: RegExp, by: string])[]): string {
  return pairs.reduce((current, [what, by]) => {
    if (!what.test(current)) throw new Error(`nginx's files have no ${what.source}, which the local stack replaces.`);
    // A function, because $ has a meaning in a text.
    return current.replace(what, () => by);
  }, text);
}

function serversOf(addresses: readonly string[]): string {
  return addresses.map((address) => `server ${address} max_fails=0;`).join('\n        ');
}
