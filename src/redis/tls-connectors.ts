// Connects over TLS in place of ioredis's own connectors, which hear only the first error of a socket.
//
// A client that gives up during the handshake (a Sentinel that is slow to answer is left after 500 ms) says goodbye to the
// server, which takes that for a fault and answers with an alert. When the certificate is refused as well, the socket has
// two errors: Node emits 'error' for an alert even after the socket was destroyed (24.21.0), and ioredis 6.0.0 listens
// with `once`. Nobody heard the second one, and it ended the process: five of six on a busy machine.
import { connect, type ConnectionOptions } from 'node:tls';
import { AbstractConnector, SentinelConnector } from 'ioredis';

type Stream = Awaited<ReturnType<SentinelConnector['connect']>>;
type Endpoint = { readonly host?: string; readonly port?: number };
type TlsOptions = Endpoint & { readonly tls?: ConnectionOptions; readonly disconnectTimeout: number };

/** For one node. */
export class TlsConnector extends AbstractConnector {
  readonly #options: TlsOptions;

  constructor(options: unknown) {
    const given = options as TlsOptions;
    super(given.disconnectTimeout);
    this.#options = given;
  }

  override connect(): Promise<Stream> {
    const { host, port, tls } = this.#options;
    this.connecting = true;
    this.stream = connect({ host, port, ...tls });
    this.stream.once('error', (error: Error) => (this.firstError = error));
    return Promise.resolve(heard(this.stream));
  }
}

/** For the master that Sentinels name. */
export class TlsSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as ConstructorParameters<typeof SentinelConnector>[0]);
    // Private, and the only way to the sockets over which Sentinels are asked. A test notices when a version has another.
    const ask = this['connectToSentinel'] as (endpoint: Endpoint, options: object) => unknown;
    this['connectToSentinel'] = (endpoint: Endpoint) => ask.call(this, endpoint, { Connector: TlsConnector });
  }

  override async connect(...args: Parameters<SentinelConnector['connect']>): Promise<Stream> {
    return heard(await super.connect(...args));
  }
}

/** Whoever needs to know of an error hears the first one, from ioredis. */
function heard(stream: Stream): Stream {
  return stream.on('error', () => {});
}
