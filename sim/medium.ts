// Damage to the medium, done while no process runs: bit rot, a zeroed sector, a sector written to
// the wrong place. What stood there before is told to the oracle, which expects it to be reported.

import { LANE } from './choices.js';
import type { SimEnvironment } from './environment.js';
import type { FaultName } from './faults.js';
import { bufferOf } from './oracle-codec.js';
import type { Oracle } from './oracle.js';
import { SECTOR_BYTES } from './profile.js';

const DAMAGES = ['bit-rot', 'zeroed-sector', 'misdirected'] as const satisfies FaultName[];

/** Perhaps damages the log. Only what is wholly durable is damaged, so that the blame is clear. */
export function drawDamage(environment: SimEnvironment, oracle: Oracle, path: string): void {
  const { choices } = environment;
  const kinds = DAMAGES.filter((kind) => environment.has(kind));
  const log = environment.disk.file(path);
  if (kinds.length === 0 || log === undefined || log.mediumSize === 0) return;
  if (log.unsyncedSectors().length > 0 || log.journal.length > 0) return;
  if (!choices.chance(LANE.config, 128)) return;
  const before = oracle.model.scan(log.medium, log.mediumSize).records;
  const kind = kinds[choices.below(LANE.config, kinds.length)] ?? 'bit-rot';
  const size = log.mediumSize;
  const offset = choices.below(LANE.extent, size);
  const start = offset - (offset % SECTOR_BYTES);
  const end = Math.min(start + SECTOR_BYTES, size);
  log.damage((bytes) => {
    if (kind === 'bit-rot') {
      bytes[offset] = (bytes[offset] ?? 0) ^ (1 << choices.below(LANE.extent, 8));
    } else if (kind === 'zeroed-sector') {
      bytes.fill(0, start, end);
    } else {
      const from = SECTOR_BYTES * choices.below(LANE.extent, Math.ceil(size / SECTOR_BYTES));
      bytes.set(bytes.slice(from, from + end - start), start);
    }
  });
  environment.fire(kind, `at ${String(kind === 'bit-rot' ? offset : start)}`);
  const image = bufferOf(log.medium);
  const intact = before.filter(
    ({ entry, offset: at, length }) => entry?.bytes.compare(image, at, at + length) === 0,
  );
  oracle.damaged(intact);
}
