// Load on a JetStream stream: each publication has a Nats-Msg-Id and waits for its acknowledgement.
import { hash } from 'node:crypto';
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { makeStoreLoad } from '../store-load.ts';

const url = process.env['NATS_URL'] ?? '';
const replicas = Number(process.env['NATS_REPLICAS']);
const connection = await connect({ servers: url });
const manager = await jetstreamManager(connection);
await manager.streams.add({
  name: 'items',
  subjects: ['items'],
  storage: StorageType.File,
  num_replicas: replicas,
  // As it comes; what is published again later than this is a new message.
  duplicate_window: 120 * 1e9,
});
const js = jetstream(connection);

makeStoreLoad(async (content) => {
  const { duplicate } = await js.publish('items', content, { msgID: hash('sha256', content) });
  return !duplicate;
});
