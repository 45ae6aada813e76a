// How sequence, key and value become bytes for the peers that have no record format of their own:
// one small buffer from node's pool, no checksum, the cheapest framing there is.

/** Bytes before the key: the sequence as a double, the lengths of key and value. */
const HEAD_BYTES = 16;

/** Sequence, lengths, key and value in one buffer. */
export function framed(sequence: number, key: Uint8Array, value: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(HEAD_BYTES + key.length + value.length);
  record.writeDoubleLE(sequence, 0);
  record.writeUInt32LE(key.length, 8);
  record.writeUInt32LE(value.length, 12);
  record.set(key, HEAD_BYTES);
  record.set(value, HEAD_BYTES + key.length);
  return record;
}

/** Key and value in one buffer, for the stores whose own key is the sequence. */
export function joined(key: Uint8Array, value: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(key.length + value.length);
  bytes.set(key, 0);
  bytes.set(value, key.length);
  return bytes;
}
