// Sees what recovery cuts off. Whole records that nobody may miss are cut only after a copy of them
// is durable beside the log.

import { SimInode } from './disk-file.js';
import type { SimEnvironment } from './environment.js';
import type { FoundRecord, Model } from './model.js';
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
  const records = wholeRecordsFrom(model, image, size + 1);
  const [first] = records;
  if (first === undefined) return;
  // Where there is no way past the cache, what is copied may be more than the device has.
  const holdsAll = (copy: Buffer): boolean =>
    records.every(({ offset, length }) => {
      const end = offset + length;
      return image.compare(copy, offset - size, end - size, offset, end) === 0;
    });
  const isKept = [...environment.disk.root.entries].some(
    ([name, entry]) =>
      name.startsWith(`${trim.path.slice(1)}.discarded-${String(size)}`) &&
      entry instanceof SimInode &&
      environment.disk.root.isDurable(name, entry) &&
      entry.mediumSize === image.length - size &&
      holdsAll(bufferOf(entry.medium)),
  );
  const { profile } = environment.fileSystem;
  environment.checks.that(isKept || profile === 'lying', 'corruption-reported', () => {
    return (
      `recovery cuts the log at ${String(size)} with a whole record at ${String(first.offset)}, before a ` +
      'copy of what it cuts is durable'
    );
  });
}

/** The records behind an offset that stand whole where they were acknowledged. */
function wholeRecordsFrom(model: Model, image: Buffer, from: number): FoundRecord[] {
  return [...model.locate(image, from)].filter(({ entry, offset }) => entry?.offset === offset);
}
