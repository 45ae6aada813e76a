// Sees what recovery cuts off. Whole records that nobody may miss are cut only after a copy of them
// is durable beside the log.

import { SimInode } from './disk-file.js';
import type { SimEnvironment } from './environment.js';
import type { Model } from './model.js';
import { bufferOf } from './oracle-codec.js';

/** A truncation that is about to take effect. */
export interface Trim {
  readonly path: string;
  readonly inode: SimInode;
  readonly size: number;
}

/** Checks that whole records in what is cut are durable in a quarantine file. */
export function watchTrims(environment: SimEnvironment, model: Model, trim: Trim): void {
  const { inode, size } = trim;
  const image = bufferOf(inode.newestBytes());
  const first = firstRecordFrom(model, image, size + 1);
  if (first === undefined) return;
  const cut = image.subarray(size);
  const isKept = [...environment.disk.root.entries].some(
    ([name, entry]) =>
      name.startsWith(`${trim.path.slice(1)}.discarded-${String(size)}`) &&
      entry instanceof SimInode &&
      environment.disk.root.isDurable(name, entry) &&
      entry.mediumSize === cut.length &&
      cut.compare(entry.medium, 0, cut.length) === 0,
  );
  const { profile } = environment.fileSystem;
  environment.checks.that(isKept || profile === 'lying', 'corruption-reported', () => {
    return (
      `recovery cuts the log at ${String(size)} with a whole record at ${String(first)}, before a ` +
      'copy of what it cuts is durable'
    );
  });
}

/** Offset of the first record at or behind an offset that stands whole where it was acknowledged. */
function firstRecordFrom(model: Model, image: Buffer, from: number): number | undefined {
  for (const { entry, offset } of model.locate(image, from)) {
    if (entry?.offset === offset) return offset;
  }
  return undefined;
}
