/**
 * What MQTT.js keeps of a publication until the broker took it, to repeat it after a reconnection. A session is never
 * reconnected, so the copies of the payloads would only be memory, tens of megabytes of it while a backlog leaves.
 */
import { type IPublishPacket, type Packet, Store } from 'mqtt';

export class OutgoingStore extends Store {
  /** @param packet a deep copy, made by MQTT.js for its store alone. */
  override put(packet: Packet, done: () => void): this {
    if (packet.cmd === 'publish') release(packet);
    return super.put(packet, done);
  }
}

function release(packet: IPublishPacket): void {
  const { payload } = packet;
  packet.payload = '';
  // A small one lies in a buffer of many. Left to the garbage collector, large ones pile up until it runs.
  if (typeof payload === 'string' || payload.length !== payload.buffer.byteLength) return;
  if (payload.buffer instanceof ArrayBuffer) payload.buffer.transfer(0);
}
