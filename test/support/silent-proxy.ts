// A TCP proxy that can fall silent: connections stay open, whatever is sent is swallowed, as when a cable is pulled.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class SilentProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Listens on a free port of 127.0.0.1 and passes everything on to `targetPort` there. */
  static async to(targetPort: number): Promise<SilentProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new SilentProxy(server);
    server.on('connection', (near) => proxy.#join(near, connect(targetPort, '127.0.0.1')));
    return proxy;
  }

  /** From now on nothing comes through on the connections that there are. Neither end hears of it; new ones work. */
  fallSilent(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      // Read and thrown away, so that the sender's system goes on acknowledging.
      socket.removeAllListeners('end');
      socket.resume();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
