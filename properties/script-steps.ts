// What scripts of raw driver operations are made of.

import fc from 'fast-check';

/** Sizes and positions, in bytes. */
export type ScriptStep =
  | {
      readonly do: 'write';
      readonly position: number;
      readonly length: number;
      readonly fill: number;
      readonly dsync: boolean;
    }
  | {
      readonly do: 'read';
      readonly position: number;
      readonly length: number;
      readonly past: boolean;
    }
  | { readonly do: 'truncate'; readonly size: number }
  | { readonly do: 'allocate'; readonly position: number; readonly length: number }
  | { readonly do: 'sync' | 'size' | 'dropCache' | 'list' }
  /** Closes the file and opens it again, in another way. */
  | {
      readonly do: 'reopen';
      readonly direct: boolean;
      readonly create: 'never' | 'if-missing' | 'exclusive';
      readonly access: 'read' | 'write';
    }
  /** Takes the name away under the open file, which is then written and synced. */
  | { readonly do: 'remove' | 'rename' }
  /** Operations on blocks of their own, all in flight at once, and what is asked meanwhile. */
  | { readonly do: 'together'; readonly blocks: readonly number[]; readonly reads: boolean };

export const BLOCK_BYTES = 4096;
const BLOCKS_MAX = 12;

/** On a block, on a sector, or anywhere. */
const positions = fc.oneof(
  { weight: 3, arbitrary: fc.nat(BLOCKS_MAX).map((block) => block * BLOCK_BYTES) },
  { weight: 3, arbitrary: fc.nat(90).map((sector) => sector * 512) },
  { weight: 3, arbitrary: fc.nat(40_000) },
);

const lengths = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 4 }).map((block) => block * BLOCK_BYTES) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 20 }).map((sector) => sector * 512) },
  { weight: 3, arbitrary: fc.nat(9000) },
);

const steps: fc.Arbitrary<ScriptStep> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record(
      {
        do: fc.constant('write' as const),
        position: positions,
        length: lengths,
        fill: fc.integer({ min: 1, max: 255 }),
        dsync: fc.boolean(),
      },
      { noNullPrototype: true },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.record(
      {
        do: fc.constant('read' as const),
        position: positions,
        length: lengths,
        past: fc.boolean(),
      },
      { noNullPrototype: true },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record(
      { do: fc.constant('truncate' as const), size: positions },
      { noNullPrototype: true },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record(
      {
        do: fc.constant('allocate' as const),
        position: positions,
        length: lengths.map((n) => n + 1),
      },
      { noNullPrototype: true },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.record(
      {
        do: fc.constantFrom(
          'sync' as const,
          'size' as const,
          'dropCache' as const,
          'list' as const,
        ),
      },
      { noNullPrototype: true },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record(
      {
        do: fc.constant('reopen' as const),
        direct: fc.boolean(),
        create: fc.constantFrom('never' as const, 'if-missing' as const, 'exclusive' as const),
        access: fc.constantFrom('write' as const, 'write' as const, 'read' as const),
      },
      { noNullPrototype: true },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      { do: fc.constantFrom('remove' as const, 'rename' as const) },
      { noNullPrototype: true },
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record(
      {
        do: fc.constant('together' as const),
        blocks: fc.uniqueArray(fc.nat(BLOCKS_MAX), { minLength: 2, maxLength: 8 }),
        reads: fc.boolean(),
      },
      { noNullPrototype: true },
    ),
  },
);

/** The same script with every number on a sector, as operations past the page cache need it. */
export function onSectors(script: readonly ScriptStep[]): ScriptStep[] {
  return script.map((step) => {
    if (step.do !== 'write' && step.do !== 'read') return step;
    const [position, length] = [step.position, step.length].map((bytes) => bytes - (bytes % 512));
    return { ...step, position: position ?? 0, length: length ?? 0 };
  });
}

export const scripts: fc.Arbitrary<ScriptStep[]> = fc.array(steps, { minLength: 1, maxLength: 18 });
