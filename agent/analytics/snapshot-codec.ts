/**
 * Bytes of a snapshot: version (u32), checksum of all that follows (u32), length of the JSON (u32), the JSON of the
 * small state, then the device columns. Little-endian. Equal states have equal bytes.
 */
const HEADER_BYTES = 12;

/** A snapshot that cannot be read: the caller starts afresh and says so. */
export class SnapshotError extends Error {
  readonly code = 'snapshot_unreadable';
  readonly hint = 'Counting goes on from an empty state; the records are flagged as warm-up.';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SnapshotError';
  }
}

export function encodeSnapshot(version: number, state: unknown, columns: Uint8Array): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(state));
  const body = new Uint8Array(HEADER_BYTES + json.length + columns.length);
  const view = new DataView(body.buffer);
  view.setUint32(0, version, true);
  view.setUint32(8, json.length, true);
  body.set(json, HEADER_BYTES);
  body.set(columns, HEADER_BYTES + json.length);
  view.setUint32(4, checksum(body.subarray(8)), true);
  return body;
}

/** Throws a SnapshotError for another version, a cut or changed body. */
export function decodeSnapshot(version: number, body: Uint8Array): { state: unknown; columns: Uint8Array } {
  if (body.length < HEADER_BYTES) throw new SnapshotError(`expected a snapshot, found ${body.length} bytes`);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const found = view.getUint32(0, true);
  if (found !== version) throw new SnapshotError(`expected snapshot version ${version}, found ${found}`);
  if (view.getUint32(4, true) !== checksum(body.subarray(8))) throw new SnapshotError('the checksum does not match');
  const end = HEADER_BYTES + view.getUint32(8, true);
  const json = new TextDecoder().decode(body.subarray(HEADER_BYTES, end));
  return { state: JSON.parse(json), columns: body.subarray(end) };
}

/** FNV-1a over 32-bit words, mixed at the end: finds damage, not forgery. */
function checksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = bytes.length & ~3;
  let hash = 0x811c9dc5 ^ bytes.length;
  for (let offset = 0; offset < words; offset += 4) {
    hash = Math.imul(hash ^ view.getUint32(offset, true), 0x01000193);
    hash ^= hash >>> 15;
  }
  for (let offset = words; offset < bytes.length; offset++) hash = Math.imul(hash ^ bytes[offset], 0x01000193);
  return (hash ^ (hash >>> 13)) >>> 0;
}
