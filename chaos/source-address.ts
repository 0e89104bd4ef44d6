// Preloaded into a part (node --import): sends from the address that the part listens on, so that a cut by address cuts
// its connections too. Servers have a setting for that, the Redis client has none.
import net from 'node:net';

const source = process.env['CHAOS_SOURCE'] ?? process.env['HOST'];
// oxlint-disable-next-line typescript/unbound-method -- called with its own `this` below
const connect = net.Socket.prototype.connect as (this: net.Socket, ...args: unknown[]) => net.Socket;

if (source !== undefined) {
  net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]): net.Socket {
    // net.connect() hands its normalized arguments on as one array.
    const options = (Array.isArray(args[0]) ? (args[0] as unknown[])[0] : args[0]) as net.TcpSocketConnectOpts | null;
    if (typeof options === 'object' && options !== null && 'host' in options) options.localAddress = source;
    return connect.apply(this, args);
  };
}
