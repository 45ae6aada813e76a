// The layers of lib/, and the lint rule that holds them: imports go down only, lib/ imports nothing
// that stands beside it, and above the seam no module reaches past it to files, time or randomness.

import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * From the bottom up. A module imports its own layer and those below it; of lib/io/, what stands
 * above the seam imports the seam, and beyond it only what `io` names. A new module of lib/ needs
 * a place here.
 */
export const LAYERS = [
  { name: 'errors', modules: ['errors'], io: [] },
  { name: 'the seam', modules: ['io/driver'], io: [] },
  { name: 'drivers', modules: ['io/*'], io: ['io/*'] },
  {
    name: 'record',
    modules: ['checksum', 'diagnostics', 'entry', 'latencies', 'record'],
    io: ['io/addon'],
  },
  {
    name: 'batch, scan, segments',
    modules: [
      ...[
        'abort-groups',
        'ack-queue',
        'batch',
        'batch-memory',
        'batch-value',
        'direct-io',
        'failure',
        'waiters',
        'write-fully',
        'write-lane',
        'write-mode',
        'zero-ahead',
      ],
      ...['read-ahead', 'scan', 'tail', 'wal-record', 'window'],
      ...['segments', 'sequence-trail', 'settlement', 'sync-alone', 'sync-goal', 'watermarks'],
    ],
    io: [],
  },
  {
    name: 'writer, reader, recovery',
    modules: [
      ...[
        'append-many',
        'appender',
        'appender-types',
        'close',
        'commit',
        'commit-types',
        'open',
        'options',
        'writer',
      ],
      ...['quarantine', 'reader', 'recovery'],
      ...['manifest', 'manifest-text', 'segment-scan'],
    ],
    io: ['io/select'],
  },
  { name: 'wal', modules: ['wal', 'wal-*'], io: ['io/select'] },
  { name: 'index', modules: ['index'], io: ['io/*'] },
  { name: 'examples', modules: ['examples/*'], io: [] },
  { name: 'cli', modules: ['cli/*'], io: ['io/*'] },
];

/** Which top-level folders the modules of a folder may import. */
const FOLDERS = {
  lib: ['lib'],
  sim: ['lib', 'sim'],
  properties: ['lib', 'sim', 'properties'],
  bench: ['lib', 'sim', 'bench'],
};

/** What Node offers that touches neither files nor time nor chance: module → names, or all. */
const PURE_BUILTINS = {
  'node:buffer': 'all',
  'node:diagnostics_channel': 'all',
  'node:path': 'all',
  'node:util': ['inspect', 'format', 'types'],
  'node:perf_hooks': ['createHistogram', 'RecordableHistogram', 'Histogram'],
};

/** Tests and what only they use may look anywhere in lib/. */
const TEST_SUPPORT = [/\.test$/, /^(fixtures|test-tools)\//, /^io\/contract(-|$)/, /^io\/test-/];

export const layersRule = {
  meta: {
    type: 'problem',
    docs: { description: 'imports go down the layers only, and never past the seam' },
    schema: [],
    messages: { forbidden: '{{reason}}' },
  },
  create(context) {
    const check = (source, names) => {
      if (typeof source?.value !== 'string') return;
      const reason = whyForbidden(relative(ROOT, context.filename), source.value, names);
      if (reason !== undefined) {
        context.report({ node: source, messageId: 'forbidden', data: { reason } });
      }
    };
    return {
      Program(node) {
        const reason = whyHomeless(relative(ROOT, context.filename));
        if (reason !== undefined)
          context.report({ node, messageId: 'forbidden', data: { reason } });
      },
      ImportDeclaration(node) {
        check(node.source, importedNames(node));
      },
      ExportNamedDeclaration(node) {
        check(
          node.source,
          node.specifiers.map(({ local }) => nameOf(local)),
        );
      },
      'ExportAllDeclaration, ImportExpression, TSImportType'(node) {
        check(node.source, undefined);
      },
    };
  },
};

/** The names an import takes, or undefined when it takes the whole module. */
function importedNames(node) {
  if (node.specifiers.some(({ type }) => type !== 'ImportSpecifier')) return undefined;
  return node.specifiers.map(({ imported }) => nameOf(imported));
}

/** Of `x` as well as of `'x'`. */
function nameOf(node) {
  return node.name ?? node.value;
}

/** Why `file` may not import `source`, or undefined. Paths are relative to the project. */
export function whyForbidden(file, source, names) {
  const from = place(file);
  if (from === undefined) return undefined;
  if (source.startsWith('.'))
    return whyForbiddenModule(from, place(resolve(ROOT, dirname(file), source)));
  if (from.folder !== 'lib' || from.isTestSupport) return undefined;
  if (!source.startsWith('node:')) return `lib/ has no dependencies; '${source}' would be one`;
  return isAboveSeam(from) ? whyForbiddenBuiltin(source, names) : undefined;
}

function whyForbiddenModule(from, to) {
  if (to === undefined || !FOLDERS[from.folder].includes(to.folder)) {
    return `${from.folder}/ imports only from ${FOLDERS[from.folder].join('/, ')}/`;
  }
  if (from.folder !== 'lib' || from.isTestSupport) return undefined;
  if (to.isTestSupport) return `${to.module} is for tests only`;
  if (from.rank < 0) return undefined;
  if (to.rank > from.rank) return `imports go down only: ${to.module} stands above ${from.module}`;
  const { io } = LAYERS[from.rank];
  const isPastSeam = to.module.startsWith('io/') && to.module !== 'io/driver';
  if (isPastSeam && !io.some((pattern) => matches(pattern, to.module))) {
    return `${from.module} stands above the seam: import io/driver, not ${to.module}`;
  }
  return undefined;
}

function whyForbiddenBuiltin(source, names) {
  const pure = PURE_BUILTINS[source];
  if (pure === 'all') return undefined;
  const wrong = names?.filter((name) => !pure?.includes(name)) ?? ['all of it'];
  if (pure !== undefined && wrong.length === 0) return undefined;
  return `above the seam, only the driver touches the world; no '${source}' here`;
}

function whyHomeless(file) {
  const here = place(file);
  if (here?.folder !== 'lib' || here.isTestSupport || here.rank >= 0) return undefined;
  return `lib/${here.module} has no layer yet: give it one in .ci/layers.js`;
}

function isAboveSeam({ module }) {
  return module === 'io/driver' || !/^(io|cli)\//.test(module);
}

/** Where a file stands, or undefined outside of the folders that have rules. */
function place(file) {
  const path = relative(ROOT, resolve(ROOT, file)).replaceAll('\\', '/');
  const [folder, ...rest] = path.split('/');
  if (!Object.hasOwn(FOLDERS, folder)) return undefined;
  const module = rest.join('/').replace(/\.[jt]s$/, '');
  return {
    folder,
    module,
    rank: LAYERS.findIndex(({ modules }) => modules.some((pattern) => matches(pattern, module))),
    isTestSupport: TEST_SUPPORT.some((pattern) => pattern.test(module)),
  };
}

/** `io/*` stands for everything below io/, `wal-*` for every name that starts so. */
function matches(pattern, module) {
  return pattern.endsWith('*') ? module.startsWith(pattern.slice(0, -1)) : module === pattern;
}
