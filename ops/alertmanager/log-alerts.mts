// The sample receiver of alerts: writes each alert that Alertmanager sends to standard output, a line of JSON each.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

type Alert = {
  readonly status: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  readonly startsAt: string;
};

const PORT = 9095;
const MAX_BODY_LENGTH = 1_048_576;

const server = createServer((request, response) => void answer(request, response));
server.listen(PORT);
process.once('SIGTERM', () => server.close(() => process.exit(0)).closeAllConnections());

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    let body = '';
    for await (const part of request.setEncoding('utf8')) {
      body += String(part);
      if (body.length > MAX_BODY_LENGTH) throw new Error('the message is too long');
    }
    const { alerts } = JSON.parse(body) as { alerts: Alert[] };
    for (const { status, labels, annotations, startsAt } of alerts) {
      console.log(JSON.stringify({ status, ...labels, ...annotations, startsAt }));
    }
    response.writeHead(204).end();
  } catch (error) {
    // Alertmanager sends again what got a 5xx, and gives up on a 4xx.
    console.error(String(error));
    response.writeHead(400).end();
  }
}
