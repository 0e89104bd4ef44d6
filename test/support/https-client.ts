// Requests over one HTTPS connection to a server whose certificate is from an authority of ours.
import { Agent, request } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';

export type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string };

export function httpsClient(url: string, ca: string) {
  const agent = new Agent({ ca, keepAlive: true });
  return {
    ask: (method: string, path: string, body?: string, type = 'application/json') =>
      new Promise<Answer>((resolve, reject) => {
        const headers = body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) };
        const sent = request(new URL(path, url), { agent, method, headers, timeout: 60_000 }, (answer) => {
          answer.toArray().then(
            (parts) =>
              resolve({
                status: answer.statusCode ?? 0,
                headers: answer.headers,
                body: Buffer.concat(parts as Buffer[]).toString(),
              }),
            reject,
          );
        });
        sent.on('error', reject);
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}
